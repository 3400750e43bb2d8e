"""Model metadata as plain data: the answer of GET /model and the source of the model card."""

from typing import Any

from model.prediction.predictor import Predictor
from service.registry.thresholds import Thresholds

_FACTS = (
    "description",
    "intended_use",
    "limits",
    "recipe",
    "data",
    "out_of_bag",
    "scores",
    "versions",
)


def describe(predictor: Predictor, thresholds: Thresholds) -> dict[str, Any]:
    """Return the answer of GET /model.

    Args:
        predictor: The model.
        thresholds: Its thresholds.

    Returns:
        JSON-serializable data; a fact that the artifact does not contain is None.
    """
    schema = predictor.schema
    return {
        "name": predictor.name,
        "version": predictor.version,
        "title": predictor.title,
        "schema": {
            "features": [feature.model_dump() for feature in schema.features],
            "target": schema.target.model_dump(),
        },
        "network": {
            **predictor.network.describe(),
            "parameters": predictor.network.layout.size,
        },
        "operating_points": dict(predictor.operating_points),
        **thresholds.as_fields(thresholds.active),
        **{name: predictor.facts.get(name) for name in _FACTS},
    }
