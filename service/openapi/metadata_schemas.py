"""JSON Schema of the answers about the service and its models: /, /model, /models and /health."""

from typing import Any, Final

from service.openapi.json_schema import Json, array_of, map_of, object_of
from service.openapi.metrics_schemas import COUNT, METRIC
from service.openapi.response_schemas import PROBABILITY

_TEXT: Final[Json] = {"type": "string"}
_TEXT_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Final[Json] = {"type": ["number", "null"]}
_OPEN: Final[Json] = {"type": "object", "additionalProperties": True}
_OPEN_OR_NULL: Final[Json] = _OPEN | {"type": ["object", "null"]}


def metadata_schemas() -> dict[str, Any]:
    """Return the schemas ModelDescription, ModelList, Index, Liveness and Health by name."""
    model = object_of(
        {"name": _TEXT, "version": _TEXT, "versions": array_of(_TEXT)},
    )
    health: Json = {
        "status": {"type": "string", "const": "ready"},
        "model": _TEXT | {"description": "Name and version of the default model."},
        "models": array_of(_TEXT),
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
        "Health": object_of(health, "failures"),
    }


def _description() -> Json:
    feature: Json = {
        "name": _TEXT,
        "type": {"type": "string", "enum": ["integer", "number", "category", "boolean"]},
        "categories": array_of(_TEXT),
        "minimum": _NUMBER_OR_NULL,
        "maximum": _NUMBER_OR_NULL,
        "unit": _TEXT_OR_NULL,
        "description": _TEXT_OR_NULL,
        "may_be_missing": {"type": "boolean"},
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
            "schema": object_of({"features": array_of(object_of(feature)), "target": target}),
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
        },
        "threshold",
    )
