"""Pictures of a training, drawn without any global state and returned as PNG bytes."""

import io
import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model.arrays import Array
from model.confusion import ConfusionMatrix
from model.schema import Feature, Schema
from model.training.history import History

MOST_WRITTEN = 16  # rows of a table of correlations that has its numbers in it
# Two colours that people with any colour vision tell apart (Paul Tol's "bright").
NEGATIVE_COLOUR, POSITIVE_COLOUR = "#4477aa", "#ee6677"


def loss_curve(history: History) -> bytes:
    """Train and validation loss over the epochs, on a logarithmic scale."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    epochs = history.column("epoch")
    for name, style in (("train", "-"), ("validation", "--")):
        axes.plot(epochs, history.column(f"{name}_loss"), style, label=name, color="black")
    axes.set(title="Loss", xlabel="epoch", ylabel="binary cross-entropy (nats)", yscale="log")
    axes.grid(which="both", alpha=0.3)
    axes.legend(frameon=False)
    return as_png(figure)


def loss_curves(histories: Mapping[str, History]) -> bytes:
    """Several trainings' validation losses over their epochs, both on logarithmic scales."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, history in histories.items():
        losses = [record.monitored for record in history.records]
        axes.plot([epoch + 1 for epoch in history.column("epoch")], losses, label=name)
    axes.set(xlabel="epoch + 1", ylabel="validation loss", xscale="log", yscale="log")
    axes.grid(which="both", alpha=0.3)
    figure.legend(frameon=False, loc="outside right upper")
    return as_png(figure)


def confusion_matrices(
    matrices: dict[str, ConfusionMatrix], schema: Schema, threshold: float
) -> bytes:
    """One square a set of rows (train, validation), coloured by the share within the true class."""
    figure = Figure(figsize=(4.2 * len(matrices), 4.2), layout="constrained")
    labels = [schema.negative, schema.positive]
    for axes, (name, matrix) in zip(
        figure.subplots(1, len(matrices), squeeze=False)[0], matrices.items(), strict=True
    ):
        counts = np.array(
            [
                [matrix.true_negative, matrix.false_positive],
                [matrix.false_negative, matrix.true_positive],
            ]
        )
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(2, 2):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{counts[row, column]}\n{share:.1%}",
                ha="center",
                va="center",
                color="white" if share > 0.5 else "black",
            )
        axes.set(xlabel="predicted", ylabel="true", title=f"{name}, {counts.sum()} rows")
        axes.set_xticks([0, 1], labels)
        axes.set_yticks([0, 1], labels, rotation=90, va="center")
    figure.suptitle(f"Confusion matrices at threshold {threshold:g}")
    return as_png(figure)


def feature_distributions(rows: Array, labels: Array, schema: Schema) -> bytes:
    """Each feature's distribution within either class: bars for integers, else a histogram."""
    across = min(3, len(schema.features))
    down = math.ceil(len(schema.features) / across)
    figure = Figure(figsize=(3.6 * across, 2.6 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flat
    for column, feature in enumerate(schema.features):
        values = rows[:, column]
        _distribution(next(panels), feature, values[~labels], values[labels])
    for unused in panels:
        unused.set_axis_off()
    handles, _ = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, [schema.negative, schema.positive], loc="outside upper center", ncols=2
    ).set_frame_on(False)
    figure.supylabel("share of the class")
    return as_png(figure)


def correlations(rows: Array, labels: Array, schema: Schema) -> bytes:
    """Pearson's correlation of each pair of features, and with the class; pairs of present values.

    Categories have none: their order means nothing.
    """
    kept = [column for column, each in enumerate(schema.features) if each.type != "category"]
    names = [*(schema.names[column] for column in kept), schema.positive]
    values = np.column_stack([rows[:, kept], labels])
    size = 2 + 0.5 * len(names)
    figure = Figure(figsize=(size + 1.5, size), layout="constrained")
    axes = figure.subplots()
    table = _pearson(values)
    image = axes.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    if len(names) <= MOST_WRITTEN:
        for (row, column), value in np.ndenumerate(table):
            ink = "white" if abs(value) > 0.7 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, size=8)
    axes.set_title("Correlation")
    figure.colorbar(image, ax=axes, shrink=0.8)
    return as_png(figure)


def _pearson(values: Array) -> Array:
    """(C, C) of columns (N, C), NaN where missing; 0 where a column does not vary."""
    count = values.shape[1]
    table = np.eye(count)
    for i in range(count):
        for j in range(i):
            both = values[~np.isnan(values[:, [i, j]]).any(axis=1)][:, [i, j]]
            if len(both) > 1 and (both != both[0]).any(axis=0).all():
                table[i, j] = table[j, i] = np.corrcoef(both.T)[0, 1]
    return table


def _distribution(axes: Axes, feature: Feature, negatives: Array, positives: Array) -> None:
    """Of the values that are not missing; bars, one a value, where there are few of them."""
    classes = [values[~np.isnan(values)] for values in (negatives, positives)]
    together = np.concatenate(classes)
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
        classes,
        bins=list(edges),
        weights=[np.full(len(values), 1 / max(len(values), 1)) for values in classes],
        color=[NEGATIVE_COLOUR, POSITIVE_COLOUR],
        label=["negative", "positive"],
    )
    unit = f" ({feature.unit})" if feature.unit else ""
    axes.set_title(feature.name.replace("_", " ") + unit, fontsize="medium")


def as_png(figure: Figure) -> bytes:
    """The figure as a file's bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120)
    return file.getvalue()
