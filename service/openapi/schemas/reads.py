"""JSON Schema of the answers of GET routes: of the service, its models, and their metrics."""

from typing import Any, Final

from model.prediction.target import Binary, MultiClass, MultiLabel, Target
from service.openapi.schemas.json_schema import Json, array_of, map_of, object_of, reference
from service.openapi.schemas.responses import PROBABILITY

COUNT: Final[Json] = {"type": "integer", "minimum": 0}
METRIC: Final[Json] = {"type": ["number", "null"]}
_TEXT: Final[Json] = {"type": "string"}
_TEXT_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Final[Json] = {"type": ["number", "null"]}
_OPEN: Final[Json] = {"type": "object", "additionalProperties": True}
_OPEN_OR_NULL: Final[Json] = _OPEN | {"type": ["object", "null"]}
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
_VALUE: Final[Json] = {"type": ["number", "string", "boolean"]}
_OPTIONAL: Final = (  # fields of a feature
    *("column", "unseen", "out_of_range"),
    *("label", "group", "step", "levels", "typical"),
)
_ERRORS: Final = ("mean_error", "mean_absolute_error", "root_mean_squared_error", "r_squared")


def metadata_schemas() -> dict[str, Any]:
    """Return the schemas ModelDescription, ModelList, Index, Liveness and Health by name."""
    model = object_of(
        {
            "name": _TEXT,
            "version": _TEXT,
            "versions": array_of(_TEXT),
            "has_report": {"type": "boolean"},
        },
    )
    health: Json = {
        "status": {"type": "string", "const": "ready"},
        "model": _TEXT | {"description": "Name and version of the default model."},
        "models": array_of(_TEXT),
        "store": object_of(
            {
                "status": {"type": "string", "enum": ["ok", "degraded"]},
                "lag_seconds": {"type": "number", "minimum": 0},
                "dropped": COUNT,
            }
        )
        | {"description": "The store of predictions, as the process sees it that answers."},
        "failures": map_of(_TEXT) | {"description": "Errors of reloads by name of the model."},
    }
    return {
        "ModelDescription": _description(),
        "ModelList": object_of({"models": array_of(model)}),
        "Index": object_of(
            {
                "status": {"type": "string", "const": "alive"},
                "model": _TEXT,
                "paths": array_of(_TEXT),
            }
        ),
        "Liveness": object_of({"status": {"type": "string", "const": "live"}}),
        "Health": object_of(health, "failures", "store"),
    }


def _description() -> Json:
    feature: Json = {
        "name": _TEXT,
        "column": _TEXT | {"description": "Name of its column in tables, if it differs."},
        "type": {"type": "string", "enum": ["integer", "number", "category", "boolean"]},
        "categories": array_of(_TEXT),
        "minimum": _NUMBER_OR_NULL,
        "maximum": _NUMBER_OR_NULL,
        "unit": _TEXT_OR_NULL,
        "description": _TEXT_OR_NULL,
        "may_be_missing": {"type": "boolean"},
        "unseen": _TEXT | {"description": '"other" if it accepts unknown categories.'},
        "out_of_range": _TEXT | {"description": '"clip" if it clips numbers to its range.'},
        "label": _TEXT | {"description": "Name for display."},
        "group": _TEXT | {"description": "Heading under which features are shown together."},
        "step": {"type": "number", "description": "Increment of the value in an input form."},
        "levels": map_of(_TEXT) | {"description": "Texts of integers."},
        "typical": _VALUE | {"description": "Value that an input form starts with."},
    }
    target = _OPEN | {"properties": {"task": _TEXT}, "required": ["task"]}
    described: Json = {"description": "The name, or an object with the name and options."}
    network: Json = {
        "inputs": COUNT,
        "channels": COUNT,
        "layers": array_of(described),
        "loss": described,
        "dtype": _TEXT,
        "parameters": COUNT | {"description": "Number of parameters."},
    }
    return object_of(
        {
            "name": _TEXT,
            "version": _TEXT | {"description": "SHA-256 of the artifact."},
            "title": _TEXT | {"description": "Name and version, as in answers."},
            "schema": object_of(
                {
                    "features": array_of(object_of(feature, *_OPTIONAL)),
                    "target": target,
                }
            ),
            "inputs": _inputs(),
            "network": object_of(network),
            "operating_points": map_of(PROBABILITY),
            "threshold": PROBABILITY | {"description": "Threshold of a request without one."},
            "description": _TEXT_OR_NULL,
            "intended_use": _TEXT_OR_NULL,
            "limits": array_of(_TEXT) | {"type": ["array", "null"]},
            "recipe": _OPEN_OR_NULL,
            "data": _OPEN_OR_NULL,
            "out_of_bag": _OPEN_OR_NULL,
            "scores": map_of(METRIC) | {"type": ["object", "null"]},
            "versions": map_of(_TEXT) | {"type": ["object", "null"]},
            "subgroups": array_of(_OPEN),
        },
        "threshold",
    )


def _inputs() -> Json:
    """Return the schema of the values for input forms."""
    values = map_of(_VALUE) | {"description": "A value of each feature, as a request spells it."}
    quartiles = array_of({"type": "number"}) | {"minItems": 3, "maxItems": 3}
    example = object_of({"label": _TEXT, "values": values})
    return object_of(
        {
            "typical": values,
            "quartiles": map_of(quartiles)
            | {"description": "Quartiles and median of the kept training rows, by number."},
            "examples": array_of(example)
            | {"description": "A made-up row of each label, of medians and most frequent values."},
            "references": array_of(_TEXT)
            | {"description": "Reference rows of explanations, the usual ones first."},
        },
        "quartiles",
    )


def metrics_schemas(target: Target, prefix: str = "") -> Json:
    """Return the schemas Metrics, and RowMetrics of one set of rows.

    Args:
        target: Target of the model.
        prefix: Prefix of the names.

    Returns:
        Schemas by name.
    """
    rows = reference(f"{prefix}RowMetrics")
    sets = {"validation": rows, "out_of_bag": rows, "train": rows}
    scores = map_of(METRIC) | {"type": ["object", "null"]}
    metrics: Json = {"model": {"type": "string", "description": "Name and version of the model."}}
    if target.has_threshold:
        at_threshold = {"threshold": PROBABILITY, **sets}
        metrics |= at_threshold | {"sweep": array_of(object_of(at_threshold, "out_of_bag"))}
    else:
        metrics |= sets
    return {
        f"{prefix}Metrics": object_of(metrics | {"scores": scores}, "out_of_bag"),
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
