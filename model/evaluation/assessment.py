"""Assessment of predictions: metrics and scores of a set of rows with intervals, as plain data."""

from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.evaluation.calibration import (
    brier_decomposition,
    calibration_error,
    calibration_error_floor,
    calibration_intercept,
    calibration_slope,
)
from model.evaluation.intervals import Statistics, grouped_bootstrap
from model.evaluation.metrics import (
    average_precision,
    brier,
    brier_of_classes,
    log_loss,
    log_loss_of_classes,
    macro,
    roc_auc,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
)
from model.metrics.threshold_metrics import metrics_at_threshold, regression_metrics
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

# Resampling adds the noise that these scores contain already: the interval lies above the score
# and never reaches the 0 of a calibrated model. The floors show how much of the score is noise.
WITHOUT_INTERVAL = ("calibration_error", "top_label_calibration_error", "brier_reliability")


def assess(target: Target, scored: ScoredRows, threshold: float) -> dict[str, Any]:
    """Compute metrics at a threshold, and scores with intervals.

    Intervals of scores are from `grouped_bootstrap`; the Wilson intervals of the metrics assume
    independent rows.

    Args:
        target: The kind of target.
        scored: Targets and predictions.
        threshold: Decision threshold, ignored where the target has none.

    Returns:
        `metrics_at_threshold` with two further keys. `scores` holds a value and a 95 % interval or
        null for each score of `statistics_of`, for a regression by output; for binary targets and
        classes also the floor of the calibration error. `imputed` holds rows, log loss and accuracy
        (for a regression: errors) of the rows with imputed values, if there are any.

    Raises:
        DataError: There are no rows.
    """
    truth, predictions = scored.targets, scored.predictions
    groups, imputed = scored.groups, scored.imputed
    if not len(truth):
        raise DataError("there are no rows to assess")
    assessed = metrics_at_threshold(target, scored, threshold)
    statistics = statistics_of(target, threshold)
    if isinstance(target, Regression):
        assessed["scores"] = {
            name: _scores(statistics, truth[:, [column]], predictions[:, [column]], groups)
            for column, name in enumerate(target.outputs)
        }
    else:
        assessed["scores"] = _scores(statistics, truth, predictions, groups)
    if isinstance(target, Binary):
        floor = calibration_error_floor(predictions[:, 0])
        assessed["scores"]["calibration_error_floor"] = {"value": floor, "interval": None}
    if isinstance(target, MultiClass):
        floor = calibration_error_floor(predictions.max(axis=1))
        assessed["scores"]["top_label_calibration_error_floor"] = {"value": floor, "interval": None}
    if imputed.any():
        assessed["imputed"] = _of_imputed(target, truth[imputed], predictions[imputed], threshold)
    return assessed


def statistics_of(target: Target, threshold: float) -> Statistics:
    """Return a function that computes scores by name.

    Binary targets have scores of ranking, probabilities and calibration. For classes, `roc_auc` is
    the mean over the classes, each against the others, and `top_label_calibration_error` compares
    the probability of the likeliest class with its accuracy. For labels, `roc_auc`,
    `average_precision` and `log_loss` are means over the labels. For a regression the scores are
    those of the first output.

    Args:
        target: The kind of target.
        threshold: Decision threshold, used for multi-label targets only.

    Returns:
        A function of targets `(B, columns)` and predictions `(B, outputs)`.

    Source: Guo et al. 2017, eq. 3 (top-label calibration error).
    """
    if isinstance(target, Binary):
        return lambda truth, predictions: _of_binary(truth[:, 0], predictions[:, 0])
    if isinstance(target, MultiClass):
        return lambda truth, predictions: _of_classes(target, truth, predictions)
    if isinstance(target, MultiLabel):
        return lambda truth, predictions: _of_labels(truth, predictions, threshold)
    return lambda truth, predictions: regression_metrics(truth[:, 0], predictions[:, 0])


def _of_binary(labels: Array, probabilities: Array) -> dict[str, float | None]:
    parts = brier_decomposition(labels, probabilities)
    return {
        "roc_auc": roc_auc(labels, probabilities),
        "average_precision": average_precision(labels, probabilities),
        "log_loss": log_loss(labels, probabilities),
        "brier": brier(labels, probabilities),
        **{f"brier_{name}": part for name, part in parts.items()},
        "calibration_error": calibration_error(labels, probabilities),
        "calibration_slope": calibration_slope(labels, probabilities),
        "calibration_intercept": calibration_intercept(labels, probabilities),
        "specificity_at_sensitivity_99": specificity_at_sensitivity(labels, probabilities),
        "sensitivity_at_specificity_99": sensitivity_at_specificity(labels, probabilities),
    }


def _of_classes(target: MultiClass, truth: Array, predictions: Array) -> dict[str, float | None]:
    classes = truth[:, 0]
    correct = predictions.argmax(axis=1) == classes
    metrics = metrics_at_threshold(target, ScoredRows.ungrouped(truth, predictions), np.nan)
    return {
        "log_loss": log_loss_of_classes(classes, predictions),
        "brier": brier_of_classes(classes, predictions),
        "top_label_calibration_error": calibration_error(correct, predictions.max(axis=1)),
        "roc_auc": macro(roc_auc, truth == np.arange(len(target.classes)), predictions),
        **{name: metrics[name] for name in ("accuracy", "balanced_accuracy", "macro_f1")},
    }


def _of_labels(truth: Array, predictions: Array, threshold: float) -> dict[str, float | None]:
    correct = (predictions > threshold) == truth
    return {
        "exact_match": float(correct.all(axis=1).mean()),
        "accuracy": float(correct.mean()),
        "roc_auc": macro(roc_auc, truth, predictions),
        "average_precision": macro(average_precision, truth, predictions),
        "log_loss": log_loss(truth, predictions),
    }


def _scores(
    statistics: Statistics, truth: Array, predictions: Array, groups: Array | None
) -> dict[str, Any]:
    intervals = grouped_bootstrap(statistics, truth, predictions, groups)
    assessed: dict[str, Any] = {}
    for name, value in statistics(truth, predictions).items():
        interval = None if name in WITHOUT_INTERVAL else intervals[name]
        assessed[name] = {"value": value, "interval": interval and list(interval)}
    return assessed


def _of_imputed(
    target: Target, truth: Array, predictions: Array, threshold: float
) -> dict[str, Any]:
    metrics = metrics_at_threshold(target, ScoredRows.ungrouped(truth, predictions), threshold)
    if isinstance(target, Regression):
        return metrics
    if isinstance(target, MultiClass):
        loss = log_loss_of_classes(truth[:, 0], predictions)
    else:
        loss = log_loss(truth, predictions)
    return {"rows": metrics["rows"], "log_loss": loss, "accuracy": metrics["accuracy"]}
