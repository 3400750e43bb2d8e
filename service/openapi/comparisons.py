"""OpenAPI parameters and example of GET /models/{name}/compare."""

from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.comparison import PairedRows, compare
from model.prediction.predictor import Predictor
from service.openapi.schemas.json_schema import Json
from service.registry.registry import MIN_VERSION_DIGITS

PATH: Final = "/models/{name}/compare"
EXAMPLE_ROWS: Final = 40
_ID: Final = "0195f1c8-7a2b-7c3d-8e4f-5a6b7c8d9e0f.0"
_TIME: Final[Json] = {"type": "string", "format": "date-time"}


def comparison_parameters() -> list[Json]:
    """Return the query parameters of a comparison."""
    digits: Json = {"type": "string", "pattern": f"^[0-9a-f]{{{MIN_VERSION_DIGITS},64}}$"}
    return [
        _query("with", digits, "First 12 or more digits of the SHA-256 of a shadow version.")
        | {"required": True, "example": "0123456789ab"},
        _query("from", _TIME, "First time, ISO 8601; UTC without an offset. Default: no limit."),
        _query("to", _TIME, "Time after the last one. Default: now."),
    ]


def comparison_example(predictor: Predictor) -> dict[str, Any]:
    """Return a comparison of predictions in the artifact with slightly smaller ones.

    Args:
        predictor: The model.
    """
    scored = predictor.validation
    first: Array = scored.predictions[:EXAMPLE_ROWS]
    rows = PairedRows(
        predictor.schema.target,
        first,
        first * 0.98,
        np.full(len(first), predictor.threshold),
        np.arange(len(first)),
        scored.targets[:EXAMPLE_ROWS],
        np.ones(len(first), dtype=bool),
    )
    return {
        "model": predictor.name,
        "candidate": "0123456789abcdef" * 4,
        "versions": [{"version": predictor.version, "rows": len(first)}],
        "from": "2026-11-01T08:00:00.000000Z",
        "to": "2026-11-28T17:30:00.000000Z",
        "is_limited": False,
        **compare(rows),
        "largest": [{"id": _ID, "difference": 0.02}],
    }


def _query(name: str, schema: Json, description: str) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
