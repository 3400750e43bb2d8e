"""GET /metrics: how well a model does at a threshold, from the scores its artifact carries."""

from typing import Any

from fastapi import APIRouter, Request

from model.figures import figures
from service.models import Models
from service.openapi import problem_responses, threshold_parameters
from service.served import Served

SWEEP = (0.5, 0.7, 0.8, 0.9)


def metrics_router(models: Models) -> APIRouter:
    """The routes of /metrics."""
    router = APIRouter()
    target = models.default.predictor.schema.target

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
        return _metrics(models.default, request)

    @router.get(
        "/models/{name}/metrics",
        openapi_extra={"parameters": threshold_parameters(target)},
        responses=problem_responses(404, 422),
    )
    async def named_metrics(name: str, request: Request) -> dict[str, Any]:
        """The same as /metrics, of a model by name."""
        return _metrics(models.find(name), request)

    return router


def _metrics(served: Served, request: Request) -> dict[str, Any]:
    predictor, thresholds = served.predictor, served.thresholds
    target = predictor.schema.target
    threshold = thresholds.from_query(request.scope["query_string"])

    def at(threshold: float) -> dict[str, Any]:
        sets = {"validation": predictor.validation, "train": predictor.train}
        told = {name: figures(target, rows, threshold) for name, rows in sets.items()}
        return {**thresholds.told(threshold), **told}

    return {
        "model": served.title,
        **at(threshold),
        **({"sweep": [at(each) for each in SWEEP]} if target.has_threshold else {}),
        "scores": predictor.facts.get("scores"),
    }
