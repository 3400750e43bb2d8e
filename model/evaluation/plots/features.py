"""Plots of a table's features as PNG bytes, without global state of Matplotlib."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model.arrays import Array
from model.evaluation.plots.training import as_png
from model.prediction.schema import Feature, Schema
from model.prediction.target import MultiClass

MAX_ANNOTATED = 16  # rows of a correlation matrix with numbers in its cells
COLOURS = ("#4477aa", "#ee6677", "#ccbb44", "#228833", "#66ccee", "#aa3377")  # Tol's "bright"


def feature_distributions(rows: Array, groups: Mapping[str, Array], schema: Schema) -> bytes:
    """Draw the distribution of each feature within each group of rows.

    Integers within a range below 30, categories and booleans have one bar for each value; other
    numbers have a histogram.

    Args:
        rows: Raw rows, `(B, F)`.
        groups: Masks by name, `(B,)`, as `rows_by_class` makes them.
        schema: The schema.
    """
    across = min(3, len(schema.features))
    down = math.ceil(len(schema.features) / across)
    figure = Figure(figsize=(3.6 * across, 2.6 * down), layout="constrained")
    colours = _colours(len(groups))
    panels = figure.subplots(down, across, squeeze=False).flat
    for column, feature in enumerate(schema.features):
        values = rows[:, column]
        of_groups = [values[mask] for mask in groups.values()]
        _distribution(next(panels), feature, of_groups, colours)
    for unused in panels:
        unused.set_axis_off()
    handles, _ = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, list(groups), loc="outside upper center", ncols=min(len(groups), 5)
    ).set_frame_on(False)
    figure.supylabel("share of the class" if len(groups) == 2 else "share of the group")
    return as_png(figure)


def correlations(rows: Array, targets: Array, schema: Schema) -> bytes:
    """Draw Pearson's correlations of numeric features and targets, over rows with both values.

    Categorical features and targets of several classes are left out: their order has no meaning.

    Args:
        rows: Raw rows, `(B, F)`.
        targets: Targets, `(B, columns)`.
        schema: The schema.
    """
    kept = [column for column, feature in enumerate(schema.features) if feature.type != "category"]
    names, values = [schema.names[column] for column in kept], rows[:, kept]
    if not isinstance(schema.target, MultiClass):
        names, values = [*names, *schema.target.names], np.column_stack([values, targets])
    size = 2 + 0.5 * len(names)
    figure = Figure(figsize=(size + 1.5, size), layout="constrained")
    axes = figure.subplots()
    table = _pearson(values)
    image = axes.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    if len(names) <= MAX_ANNOTATED:
        for (row, column), value in np.ndenumerate(table):
            ink = "white" if abs(value) > 0.7 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, size=8)
    axes.set_title("Correlation")
    figure.colorbar(image, ax=axes, shrink=0.8)
    return as_png(figure)


def _pearson(values: Array) -> Array:
    """Return correlations `(C, C)` of columns `(N, C)`, NaN if missing; 0 for constant columns."""
    count = values.shape[1]
    table = np.eye(count)
    for i in range(count):
        for j in range(i):
            both = values[~np.isnan(values[:, [i, j]]).any(axis=1)][:, [i, j]]
            if len(both) > 1 and (both != both[0]).any(axis=0).all():
                table[i, j] = table[j, i] = np.corrcoef(both.T)[0, 1]
    return table


def _colours(count: int) -> list[Any]:
    """Return distinct colours; up to 6 are distinguishable with any colour vision."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    return [colormaps["viridis"](number / (count - 1)) for number in range(count)]


def _distribution(axes: Axes, feature: Feature, of_groups: list[Array], colours: list[Any]) -> None:
    """Draw the values that are not missing, with one bar for each of a few values."""
    present = [values[~np.isnan(values)] for values in of_groups]
    together = np.concatenate(present)
    names = feature.categories or (("false", "true") if feature.type == "boolean" else ())
    low, high = (together.min(), together.max()) if len(together) else (0, 1)
    if names:
        edges = np.arange(-0.5, len(names))
        axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 3 else 0)
    elif feature.type == "integer" and high - low < 30:
        edges = np.arange(low - 0.5, high + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    else:
        edges = np.linspace(low, high, 21)
    axes.hist(
        present,
        bins=list(edges),
        weights=[np.full(len(values), 1 / max(len(values), 1)) for values in present],
        color=colours,
        label=[str(number) for number in range(len(present))],
    )
    unit = f" ({feature.unit})" if feature.unit else ""
    axes.set_title(feature.name.replace("_", " ") + unit, fontsize="medium")
