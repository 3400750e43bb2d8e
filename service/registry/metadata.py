"""Model metadata and metrics as plain data: the answers of GET /model and GET /metrics."""

from typing import Any

from model.explanation.reference import references_of
from model.explanation.typical_rows import examples, quartiles, typical_values
from model.metrics.threshold_metrics import metrics_at_threshold
from model.prediction.predictor import Predictor
from service.registry.curves import scored_parts
from service.registry.thresholds import Thresholds

SWEEP = (0.5, 0.7, 0.8, 0.9)

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
            "features": [feature.model_dump(mode="json") for feature in schema.features],
            "target": schema.target.model_dump(),
        },
        "inputs": _inputs(predictor),
        "network": {
            **predictor.network.describe(),
            "parameters": predictor.network.layout.size,
        },
        "operating_points": dict(predictor.operating_points),
        **thresholds.as_fields(thresholds.active),
        **{name: predictor.facts.get(name) for name in _FACTS},
        "subgroups": (predictor.facts.get("examination") or {}).get("subgroups") or [],
    }


def _inputs(predictor: Predictor) -> dict[str, Any]:
    """Return values to start an input form with, and to compare an input with."""
    return {
        "typical": typical_values(predictor),
        **({} if predictor.sample is None else {"quartiles": quartiles(predictor)}),
        "examples": examples(predictor),
        "references": references_of(predictor),
    }


def describe_metrics(
    predictor: Predictor, thresholds: Thresholds, threshold: float
) -> dict[str, Any]:
    """Return the answer of GET /metrics in JSON.

    Args:
        predictor: The model.
        thresholds: Its thresholds.
        threshold: Decision threshold of the metrics outside of `sweep`.

    Returns:
        JSON-serializable data; a metric without a denominator is None.
    """
    target = predictor.schema.target

    def at(threshold: float) -> dict[str, Any]:
        return {
            **thresholds.as_fields(threshold),
            **{
                name: metrics_at_threshold(target, rows, threshold)
                for name, rows in scored_parts(predictor).items()
                if name != "test"
            },
        }

    return {
        "model": predictor.title,
        **at(threshold),
        **({"sweep": [at(each) for each in SWEEP]} if target.has_threshold else {}),
        "scores": predictor.facts.get("scores"),
    }
