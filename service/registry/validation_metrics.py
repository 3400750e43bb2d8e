"""How right a model in service was on its validation rows, as single numbers to be watched."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from model.metrics.threshold_metrics import NUMBERS, metrics_at_threshold
from model.prediction.predictor import Predictor

# Of all that /metrics tells as JSON, what is one number a model.
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
    """output: which number of a regression it is of, else ""."""

    name: str
    output: str
    value: float


def validation_metrics(predictor: Predictor, threshold: float) -> list[Metric]:
    """Those that a model has, as each task has others."""
    return [
        Metric(name, output, float(value))
        for name, output, value in _all(predictor, threshold)
        if isinstance(value, int | float)  # an artifact may tell of none, or of something else
    ]


def _all(predictor: Predictor, threshold: float) -> Iterator[tuple[str, str, Any]]:
    found = metrics_at_threshold(predictor.schema.target, predictor.validation, threshold)
    yield from ((name, "", found.get(name)) for name in THRESHOLD_METRICS)
    for output, errors in found.get("outputs", {}).items():
        yield from ((name, output, errors[name]) for name in NUMBERS)
    scores = predictor.facts.get("scores")
    if isinstance(scores, dict):
        yield from ((name, "", scores.get(name)) for name in SCORES)
