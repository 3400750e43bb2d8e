"""Plots of predictions against true values, for every kind of target, as PNG bytes."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.arrays import Array
from model.evaluation.plots.training import as_png
from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.threshold_metrics import binary_matrix, class_confusion_matrix
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel

MAX_ANNOTATED = 20  # classes of a confusion matrix with counts in its cells


def prediction_pictures(predictor: Predictor) -> dict[str, bytes]:
    """Draw pictures by name: `confusion` matrices, or `predictions` of a regression."""
    target = predictor.schema.target
    parts = {"train": predictor.train, "validation": predictor.validation}
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
        columns = zip(target.labels, rows.targets.T, rows.predictions.T, strict=True)
        matrices = {
            name: _counts(ConfusionMatrix.at(predictor.threshold, truth, predicted))
            for name, truth, predicted in columns
        }
        classes, at = ("no", "yes"), f"{at}, validation"
    else:
        return {"predictions": _scatter(target.outputs, target.unit, parts)}
    return {"confusion": _matrices(matrices, classes, f"Confusion matrices{at}")}


def _title(name: str, rows: ScoredRows) -> str:
    return f"{name}, {len(rows.targets)} rows"


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
    down, size = math.ceil(len(matrices) / across), max(4.2, 0.6 * len(classes))
    figure = Figure(figsize=(size * across, size * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flat
    for name, counts in matrices.items():
        _matrix(next(panels), counts, classes, name)
    for unused in panels:
        unused.set_axis_off()
    figure.suptitle(title)
    return as_png(figure)


def _matrix(axes: Axes, counts: Array, classes: Sequence[str], title: str) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if len(classes) > MAX_ANNOTATED:
            break
        count = counts[row, column]
        text = f"{count}\n{share:.1%}" if len(classes) <= 4 else f"{count or ''}"
        ink = "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=ink)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if len(classes) <= MAX_ANNOTATED:
        positions = list(range(len(classes)))
        axes.set_xticks(positions, list(classes))
        axes.set_yticks(positions, list(classes), rotation=90, va="center")


def _scatter(outputs: Sequence[str], unit: str | None, parts: dict[str, ScoredRows]) -> bytes:
    """Draw predicted against true values, with a row of panels for each output."""
    down, across = len(outputs), len(parts)
    figure = Figure(figsize=(4.4 * across, 4.4 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False)
    for column, output in enumerate(outputs):
        for axes, (name, rows) in zip(panels[column], parts.items(), strict=True):
            truth, predicted = rows.targets[:, column], rows.predictions[:, column]
            ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
            axes.plot(ends, ends, color="black", linewidth=1)
            axes.scatter(truth, predicted, s=8, alpha=0.5, color="#4477aa", edgecolors="none")
            label = f"{output} ({unit})" if unit else output
            axes.set(xlabel=f"true {label}", ylabel="predicted", title=_title(name, rows))
            axes.set_aspect("equal")
    return as_png(figure)
