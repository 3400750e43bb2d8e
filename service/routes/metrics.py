"""GET /metrics: how well the model does at a threshold, from the scores its artifact carries."""

from typing import Any

from fastapi import APIRouter, Request

from model.confusion import ConfusionMatrix
from model.predictor import Predictor
from service.openapi import THRESHOLD_PARAMETER, problem_responses
from service.threshold import Thresholds

SWEEP = (0.5, 0.7, 0.8, 0.9)


def metrics_router(predictor: Predictor, thresholds: Thresholds) -> APIRouter:
    """The route of /metrics."""
    router = APIRouter()

    def at(threshold: float) -> dict[str, Any]:
        sets = {"validation": predictor.validation, "train": predictor.train}
        return {"threshold": threshold} | {
            name: ConfusionMatrix.at(threshold, rows.labels, rows.probabilities).summary()
            for name, rows in sets.items()
        }

    @router.get(
        "/metrics",
        openapi_extra={"parameters": [THRESHOLD_PARAMETER]},
        responses=problem_responses(422),
    )
    async def metrics(request: Request) -> dict[str, Any]:
        """Confusion matrices, and what follows from them, on the validation and training sets.

        At the threshold asked for, and at a sweep of fixed ones. A figure without a denominator is
        null; `intervals` are 95 % Wilson intervals.
        """
        threshold = thresholds.from_query(request.scope["query_string"])
        return {
            "model": predictor.title,
            **at(threshold),
            "sweep": [at(each) for each in SWEEP],
            "scores": predictor.facts.get("scores"),
        }

    return router
