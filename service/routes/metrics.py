"""GET /metrics: metrics of the model as JSON, or of the service in a format of Prometheus.

The metrics of the model are computed from the labels and scores of the validation and training rows
in the artifact, so they are available at any threshold.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.dependencies import Dependencies
from service.observability.exposition import OPENMETRICS, PLAIN, Format, scrape_format
from service.observability.prometheus import NamedMetrics, PrometheusExporter
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import METRICS
from service.overload.threads import run_in_thread
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion
from service.routes.snapshot import Snapshot, json_response

VARY: Final = {"Vary": "Accept, User-Agent"}
_FORMATS: dict[str, Any] = {
    each.media_type: {"schema": {"type": "string"}} for each in (OPENMETRICS, PLAIN)
}


def metrics_router(dependencies: Dependencies) -> APIRouter:
    """Return the routes of the metrics."""
    models = dependencies.models
    exporter = PrometheusExporter(models, dependencies.telemetry, dependencies.gauges)
    router = APIRouter(tags=[METRICS])
    of_service = {
        each: Snapshot(partial(run_in_thread, _service_metrics, exporter, each))
        for each in (OPENMETRICS, PLAIN)
    }
    of_model = Snapshot(partial(run_in_thread, lambda: _model_metrics(models.default, b"")))

    @router.get(
        "/metrics",
        summary="Get the metrics of the model, or of the service for Prometheus",
        responses={200: {"content": _FORMATS}, **problem_responses(422)},
    )
    async def metrics(request: Request) -> Response:
        """Metrics on the validation and training rows.

        Confusion matrices and the metrics derived from them at one threshold and, in `sweep`, at
        0.5, 0.7, 0.8 and 0.9. For a regression, error metrics. A metric without a denominator is
        null; `intervals` are 95 % Wilson intervals.

        If Accept prefers a format of Prometheus, the answer has the metrics of the service. The
        same with `name[]`, which selects some of them and may be repeated.
        """
        format_, query = scrape_format(request.scope["headers"]), request.scope["query_string"]
        if query and (names := parse_qs(query.decode("latin-1")).get("name[]")):
            some = NamedMetrics(exporter, names)
            return await run_in_thread(_service_metrics, some, format_ or PLAIN)
        if format_ is None:
            return _model_metrics(models.default, query) if query else await of_model.get()
        if query:
            rule = "must be empty for this format, or names of metrics as name[]"
            raise Problem.invalid([FieldError(field="query", rule=rule)])
        return await of_service[format_].get()

    @router.get(
        "/models/{name}/metrics",
        summary="Get the metrics of a model",
        responses=problem_responses(404, 422),
    )
    async def named_metrics(request: Request) -> Response:
        """Metrics on the validation and training rows, as JSON."""
        model_version = models.find(request.path_params["name"])
        return _model_metrics(model_version, request.scope["query_string"], {})

    return router


def _service_metrics(exporter: PrometheusExporter | NamedMetrics, format_: Format) -> Response:
    headers = {"Content-Type": format_.content_type, **VARY}
    return Response(format_.write(exporter), headers=headers)


def _model_metrics(
    model_version: ModelVersion, query: bytes, headers: Mapping[str, str] = VARY
) -> Response:
    threshold = model_version.thresholds.from_query(query)
    return json_response(model_version.describe_metrics(threshold), headers)
