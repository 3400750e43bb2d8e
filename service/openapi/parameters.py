"""OpenAPI parameters of paths and queries, made from the models in service."""

from collections.abc import Iterable

from service.openapi.schemas.json_schema import Json, threshold_value
from service.registry.model_version import ModelVersion
from service.registry.registry import MIN_VERSION_DIGITS, ModelRegistry
from service.registry.thresholds import ON_ERROR

ON_ERROR_PARAMETER: Json = {
    "name": "on_error",
    "in": "query",
    "required": False,
    "description": "Treatment of an invalid row of CSV, NDJSON or Arrow. `refuse`, the default, "
    "rejects the request. `mark` reports the error in place of the prediction: in a further column "
    "`error` of CSV and Arrow, as `errors` in NDJSON. An invalid instance in JSON always rejects "
    "the request.",
    "schema": {"type": "string", "enum": list(ON_ERROR)},
}
SUBJECT_PARAMETER: Json = {
    "name": "subject",
    "in": "query",
    "required": False,
    "description": "The person or case that the rows are about. Only a keyed digest of it is kept, "
    "for `DELETE /subjects/{subject}`. Needs a store that keeps predictions.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
METRIC_NAMES_PARAMETER: Json = {
    "name": "name[]",
    "in": "query",
    "required": False,
    "description": "Names of metrics, only for the formats of Prometheus. Default: all metrics.",
    "schema": {"type": "array", "items": {"type": "string"}},
}


def _query(name: str, description: str, schema: Json) -> Json:
    described = {"name": name, "in": "query", "required": False, "description": description}
    return described | {"schema": schema}


LIVE_PARAMETERS: list[Json] = [
    _query(
        "from",
        "Beginning of the window, a date or time in ISO 8601, rounded down to an hour. Default: "
        "7 days before its end.",
        {"type": "string"},
    ),
    _query(
        "to",
        "End of the window, rounded up to an hour. Default: now.",
        {"type": "string"},
    ),
    _query(
        "by",
        "Length of a period, of which a window may have 1 000. Days and weeks, from Monday, are "
        "those of UTC. Default: `day`.",
        {"type": "string", "enum": ["hour", "day", "week"]},
    ),
    _query(
        "weighting",
        "`coverage` weights each row with truth by the inverse of the share of rows with truth "
        "among rows of similar probability. Default: `none`.",
        {"type": "string", "enum": ["none", "coverage"]},
    ),
]


def name_parameter(models: ModelRegistry) -> Json:
    """Return the path parameter `name`, the name of a model."""
    return {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "Name of the model.",
        "schema": {"type": "string", "enum": list(models.by_name)},
        "example": models.default.predictor.name,
    }


def version_parameter(models: ModelRegistry) -> Json:
    """Return the path parameter `version`, a version of the model."""
    return {
        "name": "version",
        "in": "path",
        "required": True,
        "description": f"First {MIN_VERSION_DIGITS} or more digits of the SHA-256 of the artifact.",
        "schema": {"type": "string", "pattern": f"^[0-9a-f]{{{MIN_VERSION_DIGITS},64}}$"},
        "example": models.default.predictor.version[:MIN_VERSION_DIGITS],
    }


def threshold_parameters(models: Iterable[ModelVersion]) -> list[Json]:
    """Return the query parameter `threshold`, or no parameter if no model has a threshold."""
    points = [name for each in models for name in each.predictor.operating_points]
    threshold = {
        "name": "threshold",
        "in": "query",
        "required": False,
        "description": "Decision threshold: a number, or the name of an operating point of the "
        "model. A probability strictly above it is positive. Default: the threshold of the "
        "service.",
        "schema": threshold_value(points),
    }
    return [threshold] if points else []
