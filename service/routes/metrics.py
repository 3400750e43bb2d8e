"""GET /metrics: how well the model does at a threshold, from the scores its artifact carries."""

from typing import Any

from fastapi import APIRouter, Request

from model.figures import figures
from model.predictor import Predictor
from service.openapi import problem_responses, threshold_parameters
from service.threshold import Thresholds

SWEEP = (0.5, 0.7, 0.8, 0.9)


def metrics_router(predictor: Predictor, thresholds: Thresholds) -> APIRouter:
    """The route of /metrics."""
    router, target = APIRouter(), predictor.schema.target

    def at(threshold: float) -> dict[str, Any]:
        sets = {"validation": predictor.validation, "train": predictor.train}
        told = {name: figures(target, rows, threshold) for name, rows in sets.items()}
        return {**thresholds.told(threshold), **told}

    @router.get(
        "/metrics",
        openapi_extra={"parameters": threshold_parameters(target)},
        responses=problem_responses(422),
    )
    async def metrics(request: Request) -> dict[str, Any]:
        """Confusion matrices, and what follows from them, on the validation and training sets.

        At the threshold asked for, and at a sweep of fixed ones, where the model has one; of a
        regression its errors. A figure without a denominator is null; `intervals` are 95 % Wilson
        intervals.
        """
        threshold = thresholds.from_query(request.scope["query_string"])
        return {
            "model": predictor.title,
            **at(threshold),
            **({"sweep": [at(each) for each in SWEEP]} if target.has_threshold else {}),
            "scores": predictor.facts.get("scores"),
        }

    return router
