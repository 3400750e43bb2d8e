"""Plots of predictions against true values, for every kind of target, as PNG bytes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.arrays import Array
from model.evaluation.plots.files import as_png
from model.evaluation.plots.texts import label
from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.threshold_metrics import binary_matrix, class_confusion_matrix
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel

MAX_ANNOTATED = 24  # classes of a confusion matrix with names, and counts in its cells
MAX_MATRICES = 24
MAX_OUTPUTS = 8
MAX_POINTS = 2000  # of a scatter plot
SLANTED: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}


def prediction_pictures(predictor: Predictor) -> dict[str, bytes]:
    """Draw pictures by name: `confusion` matrices, or `predictions` of a regression.

    Of more than 24 labels, those with the most rows are drawn; of more than 8 outputs, the first.
    """
    target = predictor.schema.target
    names = predictor.part_names
    parts = {names["train"]: predictor.train, names["validation"]: predictor.validation}
    at = f" at threshold {predictor.threshold:g}" if target.has_threshold else ""
    if isinstance(target, Binary):
        matrices = {
            _title(name, rows): _counts(binary_matrix(rows, predictor.threshold))
            for name, rows in parts.items()
        }
        classes: Sequence[str] = (target.negative, target.positive)
    elif isinstance(target, MultiClass):
        matrices = {
            _title(name, rows): class_confusion_matrix(rows) for name, rows in parts.items()
        }
        classes = target.classes
    elif isinstance(target, MultiLabel):
        rows = predictor.validation
        classes, at = ("no", "yes"), f"{at}, {names['validation']} rows"
        largest = np.argsort(-rows.targets.sum(axis=0), kind="stable")[:MAX_MATRICES]
        if len(largest) < len(target.labels):
            at += f", the {len(largest)} most frequent of {len(target.labels)} labels"
        matrices = {
            target.labels[column]: _counts(
                ConfusionMatrix.at(
                    predictor.threshold, rows.targets[:, column], rows.predictions[:, column]
                )
            )
            for column in np.sort(largest)
        }
    else:
        return {"predictions": _scatter(target.outputs, target.unit, parts)}
    return {"confusion": _matrices(matrices, classes, f"Confusion matrices{at}")}


def _title(name: str, rows: ScoredRows) -> str:
    return f"{len(rows.targets)} {name} rows"


def _counts(matrix: ConfusionMatrix) -> Array:
    return np.array(
        [
            [matrix.true_negative, matrix.false_positive],
            [matrix.false_negative, matrix.true_positive],
        ]
    )


def _matrices(matrices: dict[str, Array], classes: Sequence[str], title: str) -> bytes:
    """Draw confusion matrices, coloured by the share of the true class."""
    across = min(len(matrices), 5)
    down, names = math.ceil(len(matrices) / across), [label(name) for name in classes]
    cells = max(3.2, 0.45 * min(len(names), MAX_ANNOTATED))
    beside = 1 + 0.09 * max(map(len, names))  # inches, for names
    size = (cells + beside) * across, (cells + beside) * down
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flat
    for name, counts in matrices.items():
        _matrix(next(panels), counts, names, label(name))
    for unused in panels:
        unused.set_axis_off()
    figure.suptitle(title)
    return as_png(figure)


def _matrix(axes: Axes, counts: Array, names: list[str], title: str) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if len(names) > MAX_ANNOTATED:
        return
    places = range(len(names))
    long = max(map(len, names)) > 36 / len(names)
    axes.set_xticks(places, names, **SLANTED if long else {})
    axes.set_yticks(places, names)
    for row, column in np.argwhere(counts):
        count, share = counts[row, column], shares[row, column]
        text = f"{count}\n{share:.1%}" if len(names) <= 4 else f"{count}"
        ink = "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=ink)


def _scatter(outputs: Sequence[str], unit: str | None, parts: dict[str, ScoredRows]) -> bytes:
    """Draw predicted against true values, with a line of panels for each output."""
    down, across = min(len(outputs), MAX_OUTPUTS), len(parts)
    figure = Figure(figsize=(4.4 * across, 4.4 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False)
    for column, output in enumerate(outputs[:down]):
        for axes, (name, rows) in zip(panels[column], parts.items(), strict=True):
            truth, predicted = rows.targets[:, column], rows.predictions[:, column]
            step = -(-len(truth) // MAX_POINTS) or 1
            ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
            axes.plot(ends, ends, color="black", linewidth=1)
            points = truth[::step], predicted[::step]
            axes.scatter(*points, s=8, alpha=0.5, color="#4477aa", edgecolors="none")
            shown = label(output) + (f" ({label(unit, 10)})" if unit else "")
            axes.set(xlabel=f"true {shown}", ylabel="predicted", title=_title(name, rows))
            axes.set_aspect("equal")
    return as_png(figure)
