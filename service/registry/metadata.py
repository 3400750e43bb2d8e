"""What a model is, as plain data: /model answers it, and the card is made of it."""

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
    """Everything /model answers, as plain data; a fact the artifact does not tell is null."""
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
