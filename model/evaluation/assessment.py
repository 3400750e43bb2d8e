"""How good a model's predictions of one set of rows are, and how sure that is, as plain data."""

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

# Resampling adds to these the very noise that they hold already: its interval lies above the
# figure, and never reaches the 0 of a calibrated model. The floors tell how much is noise.
WITHOUT_INTERVAL = ("calibration_error", "top_label_calibration_error", "brier_reliability")


def assess(target: Target, scored: ScoredRows, threshold: float) -> dict[str, Any]:
    """`metrics_at_threshold`, and `scores`: each a value and its 95 % interval, or null.

    Scores are those of `statistics_of`, of a regression by output; of a binary target and of
    classes also the floor of the calibration error. Intervals of scores are by `grouped_bootstrap`,
    whereas Wilson's, of `metrics_at_threshold`, take each row as independent. `imputed`: log-loss
    and accuracy (of a regression, errors) of the rows that had a value filled in, if any.
    Raises DataError without rows.
    """
    truth, predictions = scored.targets, scored.predictions
    groups, imputed = scored.groups, scored.imputed
    if not len(truth):
        raise DataError("there are no rows to assess")
    told, statistics = (
        metrics_at_threshold(target, scored, threshold),
        statistics_of(target, threshold),
    )
    if isinstance(target, Regression):
        told["scores"] = {
            name: _scores(statistics, truth[:, [place]], predictions[:, [place]], groups)
            for place, name in enumerate(target.outputs)
        }
    else:
        told["scores"] = _scores(statistics, truth, predictions, groups)
    if isinstance(target, Binary):
        floor = calibration_error_floor(predictions[:, 0])
        told["scores"]["calibration_error_floor"] = {"value": floor, "interval": None}
    if isinstance(target, MultiClass):
        floor = calibration_error_floor(predictions.max(axis=1))
        told["scores"]["top_label_calibration_error_floor"] = {"value": floor, "interval": None}
    if imputed.any():
        told["imputed"] = _of_imputed(target, truth[imputed], predictions[imputed], threshold)
    return told


def statistics_of(target: Target, threshold: float) -> Statistics:
    """The scores of truth (B, columns) and predictions (B, outputs), by name.

    binary: of the ranking, of the probabilities and their calibration. multi_class: `roc_auc` is
    each class against the rest, averaged over them; `top_label_calibration_error` is of the
    likeliest class's probability and whether it is the true one (Guo et al. 2017, eq. 3).
    multi_label: `roc_auc`, `average_precision` and `log_loss` are averaged over the labels.
    regression: of the first output. threshold: of no meaning but for several labels.
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
    right = predictions.argmax(axis=1) == classes
    told = metrics_at_threshold(target, ScoredRows.ungrouped(truth, predictions), np.nan)
    return {
        "log_loss": log_loss_of_classes(classes, predictions),
        "brier": brier_of_classes(classes, predictions),
        "top_label_calibration_error": calibration_error(right, predictions.max(axis=1)),
        "roc_auc": macro(roc_auc, truth == np.arange(len(target.classes)), predictions),
        **{name: told[name] for name in ("accuracy", "balanced_accuracy", "macro_f1")},
    }


def _of_labels(truth: Array, predictions: Array, threshold: float) -> dict[str, float | None]:
    right = (predictions > threshold) == truth
    return {
        "exact_match": float(right.all(axis=1).mean()),
        "accuracy": float(right.mean()),
        "roc_auc": macro(roc_auc, truth, predictions),
        "average_precision": macro(average_precision, truth, predictions),
        "log_loss": log_loss(truth, predictions),
    }


def _scores(
    statistics: Statistics, truth: Array, predictions: Array, groups: Array | None
) -> dict[str, Any]:
    intervals = grouped_bootstrap(statistics, truth, predictions, groups)
    told: dict[str, Any] = {}
    for name, value in statistics(truth, predictions).items():
        interval = None if name in WITHOUT_INTERVAL else intervals[name]
        told[name] = {"value": value, "interval": interval and list(interval)}
    return told


def _of_imputed(
    target: Target, truth: Array, predictions: Array, threshold: float
) -> dict[str, Any]:
    told = metrics_at_threshold(target, ScoredRows.ungrouped(truth, predictions), threshold)
    if isinstance(target, Regression):
        return told
    if isinstance(target, MultiClass):
        loss = log_loss_of_classes(truth[:, 0], predictions)
    else:
        loss = log_loss(truth, predictions)
    return {"rows": told["rows"], "log_loss": loss, "accuracy": told["accuracy"]}
