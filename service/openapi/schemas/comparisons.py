"""JSON Schema of the answers of GET /models/{name}/compare."""

from typing import Any, Final

from service.openapi.schemas.json_schema import Json, array_of, map_of, object_of, reference
from service.openapi.schemas.reads import COUNT
from service.openapi.schemas.responses import PROBABILITY

_NUMBER: Final[Json] = {"type": "number"}
_TEXT: Final[Json] = {"type": "string"}
_TIME: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
_INTERVAL: Final[Json] = {
    "type": ["array", "null"],
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
    "description": "95 % interval; null with fewer than 10 groups.",
}


def comparison_schemas() -> dict[str, Any]:
    """Return the schemas Comparison, ComparisonTest and ComparisonFigure by name."""
    version = {"version": _TEXT, "rows": COUNT}
    change = {"from": _TEXT, "to": _TEXT, "rows": COUNT}
    agreement = {
        "rows": COUNT,
        "share": PROBABILITY,
        "interval": array_of(PROBABILITY) | {"minItems": 2, "maxItems": 2},
        "changes": array_of(object_of(change)),
        "mcnemar": reference("ComparisonTest"),
    }
    difference = {
        **dict.fromkeys(("mean", "mean_absolute", "largest"), _NUMBER),
        "quantiles": map_of(_NUMBER),
    }
    truth = {
        "rows": COUNT,
        "groups": COUNT | {"description": "Subjects, and rows without one."},
        "figures": map_of(reference("ComparisonFigure")),
        "mcnemar": reference("ComparisonTest"),
    }
    comparison = {
        "model": _TEXT,
        "candidate": _TEXT | {"description": "SHA-256 of the shadow version, the second one."},
        "versions": array_of(object_of(version))
        | {"description": "The versions that answered, the first one."},
        "from": _TIME,
        "to": _TIME,
        "is_limited": {"type": "boolean", "description": "Whether older rows were left out."},
        "rows": COUNT,
        "agreement": object_of(agreement, "changes", "mcnemar"),
        "difference": map_of(object_of(difference))
        | {"description": "By output, of up to 20: the second minus the first."},
        "truth": object_of(truth, "groups", "figures", "mcnemar"),
        "largest": array_of(object_of({"id": _TEXT, "difference": _NUMBER})),
    }
    test = {"first_only": COUNT, "second_only": COUNT, "p": PROBABILITY}
    figure = {
        **dict.fromkeys(("first", "second", "difference"), _NUMBER),
        "interval": _INTERVAL,
    }
    return {
        "Comparison": object_of(comparison, "agreement"),
        "ComparisonTest": object_of(test),
        "ComparisonFigure": object_of(figure),
    }
