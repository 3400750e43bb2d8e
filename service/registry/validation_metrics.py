"""Validation metrics of a model in service, as single numbers for monitoring."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from model.metrics.threshold_metrics import NUMBERS, metrics_at_threshold
from model.prediction.predictor import Predictor

# The metrics of GET /metrics in JSON that are one number a model.
THRESHOLD_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "exact_match",
    "f1",
    "macro_f1",
    "matthews_correlation",
    "negative_predictive_value",
    "positive_predictive_value",
    "sensitivity",
    "specificity",
)
SCORES = ("average_precision", "brier", "calibration_error", "log_loss", "roc_auc")


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: Name of the metric.
        output: Output of a regression, else "".
        value: Its value.
    """

    name: str
    output: str
    value: float


def validation_metrics(predictor: Predictor, threshold: float) -> list[Metric]:
    """Return the validation metrics of a model, which depend on its task.

    Args:
        predictor: The model.
        threshold: Decision threshold.

    Returns:
        The metrics that are numbers; an artifact may lack scores or contain other values.
    """
    return [
        Metric(name, output, float(value))
        for name, output, value in _all(predictor, threshold)
        if isinstance(value, int | float)
    ]


def _all(predictor: Predictor, threshold: float) -> Iterator[tuple[str, str, Any]]:
    found = metrics_at_threshold(predictor.schema.target, predictor.validation, threshold)
    yield from ((name, "", found.get(name)) for name in THRESHOLD_METRICS)
    for output, errors in found.get("outputs", {}).items():
        yield from ((name, output, errors[name]) for name in NUMBERS)
    scores = predictor.facts.get("scores")
    if isinstance(scores, dict):
        yield from ((name, "", scores.get(name)) for name in SCORES)
