"""What paths and queries may hold, as OpenAPI parameters: made from the models in service."""

from collections.abc import Iterable

from service.openapi.json_schema import Json
from service.registry.model_version import ModelVersion
from service.registry.registry import MIN_VERSION_DIGITS, ModelRegistry


def name_parameter(models: ModelRegistry) -> Json:
    """A model's name in a path."""
    return {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "The model.",
        "schema": {"type": "string", "enum": list(models.by_name)},
    }


def version_parameter(models: ModelRegistry) -> Json:
    """A version of it, behind the name."""
    return {
        "name": "version",
        "in": "path",
        "required": True,
        "description": f"The first {MIN_VERSION_DIGITS} or more digits of the version's SHA-256.",
        "schema": {"type": "string", "pattern": f"^[0-9a-f]{{{MIN_VERSION_DIGITS},64}}$"},
        "example": models.default.predictor.version[:MIN_VERSION_DIGITS],
    }


def threshold_parameters(models: Iterable[ModelVersion]) -> list[Json]:
    """What the query of a path of these models may hold: nothing where none has a threshold."""
    points = [name for each in models for name in each.predictor.operating_points]
    number = {"type": "number", "minimum": 0, "maximum": 1}
    threshold = {
        "name": "threshold",
        "in": "query",
        "required": False,
        "description": "A number, or the name of one of the model's operating points. A "
        "probability strictly above it is positive. Without it, the service's own threshold.",
        "schema": {"anyOf": [number, {"type": "string", "enum": [*dict.fromkeys(points)]}]},
    }
    return [threshold] if points else []
