"""GET /metrics: how well a model does at a threshold, from the scores its artifact carries; and for
a Prometheus server, which asks for a format of its own, how the service does.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from model.metrics.threshold_metrics import metrics_at_threshold
from service.observability.exposition import OPENMETRICS, PLAIN, Format, scrape_format
from service.observability.prometheus import PrometheusExporter
from service.openapi.problem_responses import problem_responses
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry

SWEEP = (0.5, 0.7, 0.8, 0.9)


_FORMATS: dict[str, Any] = {
    each.media_type: {"schema": {"type": "string"}} for each in (OPENMETRICS, PLAIN)
}


def metrics_router(models: ModelRegistry, scrape: PrometheusExporter) -> APIRouter:
    """The routes of /metrics."""
    router = APIRouter()

    @router.get(
        "/metrics",
        response_model=dict[str, Any],
        responses={200: {"content": _FORMATS}, **problem_responses(422)},
    )
    async def metrics(request: Request, response: Response) -> dict[str, Any] | Response:
        """Confusion matrices, and what follows from them, on the validation and training sets.

        At the threshold asked for, and at a sweep of fixed ones, where the model has one; of a
        regression its errors. A figure without a denominator is null; `intervals` are 95 % Wilson
        intervals. Where Accept prefers a format of Prometheus's, the service's own metrics in that.
        """
        asked = scrape_format(request.scope["headers"])
        if asked is None:
            response.headers["Vary"] = "Accept"
            return _metrics(models.default, request)
        if request.scope["query_string"]:
            raise Problem.invalid([FieldError(field="query", rule="must be empty for this format")])
        return await run_in_threadpool(_scraped, scrape, asked)

    @router.get(
        "/models/{name}/metrics",
        responses=problem_responses(404, 422),
    )
    async def named_metrics(name: str, request: Request) -> dict[str, Any]:
        """The same as /metrics, of a model by name."""
        return _metrics(models.find(name), request)

    return router


def _scraped(scrape: PrometheusExporter, asked: Format) -> Response:
    headers = {"Content-Type": asked.content_type, "Vary": "Accept"}
    return Response(asked.write(scrape), headers=headers)


def _metrics(model_version: ModelVersion, request: Request) -> dict[str, Any]:
    predictor, thresholds = model_version.predictor, model_version.thresholds
    target = predictor.schema.target
    threshold = thresholds.from_query(request.scope["query_string"])

    def at(threshold: float) -> dict[str, Any]:
        sets = {"validation": predictor.validation, "train": predictor.train}
        told = {name: metrics_at_threshold(target, rows, threshold) for name, rows in sets.items()}
        return {**thresholds.as_fields(threshold), **told}

    return {
        "model": model_version.title,
        **at(threshold),
        **({"sweep": [at(each) for each in SWEEP]} if target.has_threshold else {}),
        "scores": predictor.facts.get("scores"),
    }
