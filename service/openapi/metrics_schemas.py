"""JSON Schema of the answers of GET /metrics, made from the target of a model."""

from typing import Final

from model.prediction.target import Binary, MultiClass, MultiLabel, Target
from service.openapi.json_schema import Json, array_of, map_of, object_of, reference
from service.openapi.response_schemas import PROBABILITY

COUNT: Final[Json] = {"type": "integer", "minimum": 0}
METRIC: Final[Json] = {"type": ["number", "null"]}
_INTERVALS: Final = map_of(
    {
        "type": ["array", "null"],
        "items": PROBABILITY,
        "minItems": 2,
        "maxItems": 2,
        "description": "95 % Wilson interval.",
    }
)
_PROPORTIONS: Final = (
    "accuracy",
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
    "f1",
    "balanced_accuracy",
    "matthews_correlation",
)
_ERRORS: Final = ("mean_error", "mean_absolute_error", "root_mean_squared_error", "r_squared")


def metrics_schemas(target: Target, prefix: str = "") -> Json:
    """Return the schemas Metrics, and RowMetrics of one set of rows.

    Args:
        target: Target of the model.
        prefix: Prefix of the names.

    Returns:
        Schemas by name.
    """
    rows = reference(f"{prefix}RowMetrics")
    sets = {"validation": rows, "train": rows}
    scores = map_of(METRIC) | {"type": ["object", "null"]}
    metrics: Json = {"model": {"type": "string", "description": "Name and version of the model."}}
    if target.has_threshold:
        at_threshold = {"threshold": PROBABILITY, **sets}
        metrics |= at_threshold | {"sweep": array_of(object_of(at_threshold))}
    else:
        metrics |= sets
    return {
        f"{prefix}Metrics": object_of(metrics | {"scores": scores}),
        f"{prefix}RowMetrics": _row_metrics(target),
    }


def _row_metrics(target: Target) -> Json:
    """Return the schema of the answers of `metrics_at_threshold`."""
    if isinstance(target, Binary):
        return _confusion_summary()
    if isinstance(target, MultiClass):
        names = "sensitivity", "positive_predictive_value", "f1"
        by_class = object_of({"rows": COUNT, **dict.fromkeys(names, METRIC)})
        means = "accuracy", "balanced_accuracy", "macro_f1"
        return object_of(
            {
                "rows": COUNT,
                "confusion_matrix": array_of(array_of(COUNT)),
                **dict.fromkeys(means, METRIC),
                "classes": map_of(by_class),
                "intervals": _INTERVALS,
            }
        )
    if isinstance(target, MultiLabel):
        return object_of(
            {
                "rows": COUNT,
                "accuracy": METRIC,
                "exact_match": METRIC,
                "labels": map_of(_confusion_summary()),
                "intervals": _INTERVALS,
            }
        )
    output = object_of(dict.fromkeys(_ERRORS, METRIC))
    return object_of({"rows": COUNT, "outputs": map_of(output)})


def _confusion_summary() -> Json:
    """Return the schema of the answer of `ConfusionMatrix.summary`."""
    cells = "true_negative", "false_positive", "false_negative", "true_positive"
    return object_of(
        {
            "rows": COUNT,
            "positives": COUNT,
            "confusion_matrix": object_of(dict.fromkeys(cells, COUNT)),
            **dict.fromkeys(_PROPORTIONS, METRIC),
            "intervals": _INTERVALS,
        }
    )
