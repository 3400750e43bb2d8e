"""Pictures of predictions beside the truth, of every kind of target, as PNG bytes."""

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

MOST_WRITTEN = 20  # classes of a confusion matrix that has its counts in it


def prediction_pictures(predictor: Predictor) -> dict[str, bytes]:
    """By name: `confusion` matrices at the predictor's threshold; `predictions` of a regression."""
    target = predictor.schema.target
    sets = {"train": predictor.train, "validation": predictor.validation}
    at = f" at threshold {predictor.threshold:g}" if target.has_threshold else ""
    if isinstance(target, Binary):
        matrices = {
            _title(name, rows): _counts(binary_matrix(rows, predictor.threshold))
            for name, rows in sets.items()
        }
        classes: Sequence[str] = (target.negative, target.positive)
    elif isinstance(target, MultiClass):
        matrices = {_title(name, rows): class_confusion_matrix(rows) for name, rows in sets.items()}
        classes = target.classes
    elif isinstance(target, MultiLabel):
        rows = predictor.validation
        each = zip(target.labels, rows.targets.T, rows.predictions.T, strict=True)
        matrices = {
            name: _counts(ConfusionMatrix.at(predictor.threshold, truth, predicted))
            for name, truth, predicted in each
        }
        classes, at = ("no", "yes"), f"{at}, validation"
    else:
        return {"predictions": _scatter(target.outputs, target.unit, sets)}
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
    """One square each, coloured by the share within the true class."""
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
        if len(classes) > MOST_WRITTEN:
            break
        count = counts[row, column]
        text = f"{count}\n{share:.1%}" if len(classes) <= 4 else f"{count or ''}"
        ink = "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=ink)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if len(classes) <= MOST_WRITTEN:
        places = list(range(len(classes)))
        axes.set_xticks(places, list(classes))
        axes.set_yticks(places, list(classes), rotation=90, va="center")


def _scatter(outputs: Sequence[str], unit: str | None, sets: dict[str, ScoredRows]) -> bytes:
    """Predicted over true, a row of panels an output; on the line it would be right."""
    down, across = len(outputs), len(sets)
    figure = Figure(figsize=(4.4 * across, 4.4 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False)
    for place, output in enumerate(outputs):
        for axes, (name, rows) in zip(panels[place], sets.items(), strict=True):
            truth, predicted = rows.targets[:, place], rows.predictions[:, place]
            ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
            axes.plot(ends, ends, color="black", linewidth=1)
            axes.scatter(truth, predicted, s=8, alpha=0.5, color="#4477aa", edgecolors="none")
            shown = f"{output} ({unit})" if unit else output
            axes.set(xlabel=f"true {shown}", ylabel="predicted", title=_title(name, rows))
            axes.set_aspect("equal")
    return as_png(figure)
