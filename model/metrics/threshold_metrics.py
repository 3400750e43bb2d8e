"""Metrics at a threshold for every kind of target, as plain data for /metrics and `evaluate`.

Part of the serving core: the service computes metrics at any threshold from stored predictions. A
metric is None where its denominator is 0.
"""

from typing import Any

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import ConfusionMatrix, wilson_interval
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Target

NUMBERS = ("mean_error", "mean_absolute_error", "root_mean_squared_error", "r_squared")


def metrics_at_threshold(target: Target, scored: ScoredRows, threshold: float) -> dict[str, Any]:
    """Compute the metrics of a set of rows.

    Args:
        target: The kind of target.
        scored: Targets and predictions.
        threshold: Decision threshold, ignored where the target has none.

    Returns:
        For binary targets `ConfusionMatrix.summary`. For others `rows`, and: for classes the
        confusion matrix (rows are true classes, columns predicted ones), accuracy and metrics of
        each class; for labels the summary of each label; for regressions the errors of each
        output, in its unit.
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
    """Return the confusion matrix of a binary target.

    Args:
        scored: Targets and predictions, one column each.
        threshold: Decision threshold.
    """
    return ConfusionMatrix.at(threshold, scored.targets[:, 0], scored.predictions[:, 0])


def class_confusion_matrix(scored: ScoredRows) -> Array:
    """Count rows by true class (rows) and predicted class (columns), `(C, C)`."""
    classes = scored.predictions.shape[1]
    cell = scored.targets[:, 0] * classes + scored.predictions.argmax(axis=1)
    return np.bincount(cell, minlength=classes * classes).reshape(classes, classes)


def regression_metrics(truth: Array, predicted: Array) -> dict[str, float | None]:
    """Compute the errors of one output.

    An error is the predicted value minus the true one. R² is 1 − the sum of squared errors / the
    sum of squared deviations of the true values from their mean.

    Args:
        truth: True values, `(B,)`.
        predicted: Predicted values, `(B,)`.

    Returns:
        mean_error, mean_absolute_error and root_mean_squared_error in the output's unit, and
        r_squared.
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
    rows, correct = int(matrix.sum()), int(matrix.trace())
    by_class = {}
    for number, name in enumerate(target.classes):
        hits = int(matrix[number, number])
        true, predicted = int(matrix[number].sum()), int(matrix[:, number].sum())
        by_class[name] = {
            "rows": true,
            "sensitivity": _share(hits, true),
            "positive_predictive_value": _share(hits, predicted),
            "f1": _share(2 * hits, true + predicted),
        }
    return {
        "rows": rows,
        "confusion_matrix": matrix.tolist(),
        "accuracy": _share(correct, rows),
        "balanced_accuracy": _mean([each["sensitivity"] for each in by_class.values()]),
        "macro_f1": _mean([each["f1"] for each in by_class.values()]),
        "classes": by_class,
        "intervals": {"accuracy": wilson_interval(correct, rows)},
    }


def _of_labels(target: MultiLabel, scored: ScoredRows, threshold: float) -> dict[str, Any]:
    correct = (scored.predictions > threshold) == scored.targets
    matches, rows = int(correct.all(axis=1).sum()), len(correct)
    each = zip(target.labels, scored.targets.T, scored.predictions.T, strict=True)
    return {
        "rows": rows,
        "accuracy": _share(int(correct.sum()), correct.size),
        "exact_match": _share(matches, rows),
        "labels": {
            name: ConfusionMatrix.at(threshold, truth, predicted).summary()
            for name, truth, predicted in each
        },
        "intervals": {"exact_match": wilson_interval(matches, rows)},
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float | None]) -> float | None:
    """Return the mean of the values that are not None."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
