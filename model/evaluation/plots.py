"""Pictures of a training, drawn without any global state and returned as PNG bytes."""

import io
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model.arrays import Array
from model.confusion import ConfusionMatrix
from model.schema import Feature, Schema
from model.training.history import History

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


def _distribution(axes: Axes, feature: Feature, negatives: Array, positives: Array) -> None:
    together = np.concatenate([negatives, positives])
    low, high = together.min(), together.max()
    if feature.type == "integer" and high - low < 30:
        edges = np.arange(low - 0.5, high + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    else:
        edges = np.linspace(low, high, 21)
    axes.hist(
        [negatives, positives],
        bins=list(edges),
        weights=[np.full(len(v), 1 / max(len(v), 1)) for v in (negatives, positives)],
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
