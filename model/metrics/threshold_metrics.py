"""How right predictions are, as plain data: what /metrics answers and `evaluate` shows.

In the serving core, because the service answers for any threshold from the stored predictions. A
figure without a denominator is None.
"""

from typing import Any

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import ConfusionMatrix, wilson_interval
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Target

NUMBERS = ("mean_error", "mean_absolute_error", "root_mean_squared_error", "r_squared")


def metrics_at_threshold(target: Target, scored: ScoredRows, threshold: float) -> dict[str, Any]:
    """The figures of a set of rows; threshold: of no meaning where the target has none.

    binary: `ConfusionMatrix.summary`. Others: `rows`, and of multi_class the confusion matrix (a
    row a true class, a column a predicted one), accuracy and figures by class; of multi_label the
    summary of each label; of a regression the errors of each output, in its unit.
    """
    if isinstance(target, Binary):
        return binary_matrix(scored, threshold).summary()
    if isinstance(target, MultiClass):
        return _of_classes(target, scored)
    if isinstance(target, MultiLabel):
        return _of_labels(target, scored, threshold)
    each = zip(target.names, scored.targets.T, scored.predictions.T, strict=True)
    return {
        "rows": len(scored.targets),
        "outputs": {name: regression_metrics(truth, predicted) for name, truth, predicted in each},
    }


def binary_matrix(scored: ScoredRows, threshold: float) -> ConfusionMatrix:
    """The confusion matrix of a binary target's rows."""
    return ConfusionMatrix.at(threshold, scored.targets[:, 0], scored.predictions[:, 0])


def class_confusion_matrix(scored: ScoredRows) -> Array:
    """How many rows of each true class (a row) were told to be of each class (a column)."""
    classes = scored.predictions.shape[1]
    cell = scored.targets[:, 0] * classes + scored.predictions.argmax(axis=1)
    return np.bincount(cell, minlength=classes * classes).reshape(classes, classes)


def regression_metrics(truth: Array, predicted: Array) -> dict[str, float | None]:
    """Of one output, both (B,). Errors are predicted less true; r_squared: 1 − their squares' sum
    over the truth's own.
    """
    if not len(truth):
        return dict.fromkeys(NUMBERS)
    errors = predicted - truth
    spread, squares = float(np.square(truth - truth.mean()).sum()), float(np.square(errors).sum())
    return {
        "mean_error": float(errors.mean()),
        "mean_absolute_error": float(np.abs(errors).mean()),
        "root_mean_squared_error": float(np.sqrt(squares / len(truth))),
        "r_squared": 1 - squares / spread if spread else None,
    }


def _of_classes(target: MultiClass, scored: ScoredRows) -> dict[str, Any]:
    matrix = class_confusion_matrix(scored)
    rows, right = int(matrix.sum()), int(matrix.trace())
    by_class = {}
    for number, name in enumerate(target.classes):
        hits = int(matrix[number, number])
        true, called = int(matrix[number].sum()), int(matrix[:, number].sum())
        by_class[name] = {
            "rows": true,
            "sensitivity": _share(hits, true),
            "positive_predictive_value": _share(hits, called),
            "f1": _share(2 * hits, true + called),
        }
    return {
        "rows": rows,
        "confusion_matrix": matrix.tolist(),
        "accuracy": _share(right, rows),
        "balanced_accuracy": _mean([each["sensitivity"] for each in by_class.values()]),
        "macro_f1": _mean([each["f1"] for each in by_class.values()]),
        "classes": by_class,
        "intervals": {"accuracy": wilson_interval(right, rows)},
    }


def _of_labels(target: MultiLabel, scored: ScoredRows, threshold: float) -> dict[str, Any]:
    right = (scored.predictions > threshold) == scored.targets
    whole, rows = int(right.all(axis=1).sum()), len(right)
    each = zip(target.labels, scored.targets.T, scored.predictions.T, strict=True)
    return {
        "rows": rows,
        "accuracy": _share(int(right.sum()), right.size),
        "exact_match": _share(whole, rows),
        "labels": {
            name: ConfusionMatrix.at(threshold, truth, predicted).summary()
            for name, truth, predicted in each
        },
        "intervals": {"exact_match": wilson_interval(whole, rows)},
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float | None]) -> float | None:
    """Of those that are there."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
