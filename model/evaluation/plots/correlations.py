"""Plot of correlations between features and targets, as PNG bytes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from model.arrays import Array
from model.evaluation.association import most_associated
from model.evaluation.plots.files import as_png
from model.evaluation.plots.texts import label
from model.prediction.schema import Schema
from model.prediction.target import MultiClass

MAX_FEATURES = 24
MAX_TARGETS = 8
MAX_ANNOTATED = 16  # rows of a matrix with numbers in its cells


def correlations(
    rows: Array, targets: Array, groups: Mapping[str, Array], schema: Schema
) -> bytes | None:
    """Draw Pearson's correlations of numeric features and targets, over rows with both values.

    Categorical features and targets of several classes are left out: their order has no meaning.
    Of more than 24 features, those that differ most between groups of rows are drawn.

    Args:
        rows: Raw rows, `(B, F)`.
        targets: Targets, `(B, columns)`.
        groups: Masks by name, `(B,)`, as `rows_by_class` makes them.
        schema: The schema.

    Returns:
        A PNG; None if fewer than two numeric columns are left.
    """
    numeric = [column for column, each in enumerate(schema.features) if each.type != "category"]
    features = [schema.features[column] for column in numeric]
    strongest = most_associated(rows[:, numeric], groups, features, MAX_FEATURES)
    title = "Correlation"
    if len(strongest) < len(features):
        title += f"; the {len(strongest)} of {len(features)} features that differ most"
    names = [features[number].name for number in strongest]
    values = rows[:, [numeric[number] for number in strongest]]
    if not isinstance(schema.target, MultiClass):
        names = [*names, *schema.target.names[:MAX_TARGETS]]
        values = np.column_stack([values, targets[:, :MAX_TARGETS]])
    if len(names) < 2:
        return None
    names = [label(name) for name in names]
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
    axes.set_title(title)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return as_png(figure)


def _pearson(values: Array) -> Array:
    """Return correlations `(C, C)` of columns `(N, C)`, NaN if missing; 0 for constant columns."""
    count = values.shape[1]
    values = values / np.maximum(
        np.nanmax(np.abs(values), axis=0, initial=0), 1e-300
    )  # no overflow
    table = np.eye(count)
    for i in range(count):
        for j in range(i):
            both = values[~np.isnan(values[:, [i, j]]).any(axis=1)][:, [i, j]]
            if len(both) > 1 and (both != both[0]).any(axis=0).all():
                table[i, j] = table[j, i] = np.corrcoef(both.T)[0, 1]
    return table
