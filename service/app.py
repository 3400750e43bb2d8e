"""The composition root: here the service is put together, everything else is given its parts."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from model.prediction.predictor import Predictor
from service.lifecycle import Lifecycle
from service.middleware import RequestMiddleware
from service.observability.log_writer import LogWriter
from service.observability.metrics import Telemetry
from service.observability.prometheus import PrometheusExporter
from service.observability.tracing import end_tracing, telemetry_config
from service.openapi.document import install_openapi
from service.overload.limiter import WorkLimiter
from service.problems import install_problem_handlers
from service.registry.model_version import ModelVersion
from service.registry.registry import Model, ModelRegistry, ReloadableModel
from service.registry.reloader import watch_models
from service.request_context import AccessLog
from service.routes.docs import docs_router
from service.routes.health import health_router
from service.routes.index import index_router
from service.routes.metrics import metrics_router
from service.routes.mlflow import invocations_routes, scoring_server_router
from service.routes.model import model_router
from service.routes.open_inference import inference_protocol_routes
from service.routes.predict import predict_routes
from service.security.api_keys import ApiKeyAuth
from service.security.artifact_policy import artifact_check
from service.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

logger = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    predictor: Predictor | None = None,
    access_log: AccessLog | None = None,
    tracer_provider: "TracerProvider | None" = None,
    lifecycle: Lifecycle | None = None,
    log_lines: LogWriter | None = None,
) -> FastAPI:
    """The service for one model, the given one, or for those at the settings' paths.

    access_log: told of every request that is over. tracer_provider: what makes spans of requests.
    lifecycle: what the process is told about its end. log_lines: counted where it drops some.
    Raises ArtifactError when there is no artifact that can be read, SettingError when the settings
    do not fit the models.
    """
    lifecycle = lifecycle or Lifecycle(settings.drain_seconds)
    telemetry = Telemetry()
    if log_lines is not None:
        log_lines.on_drop = telemetry.log_line_dropped

    def serve(predictor: Predictor) -> ModelVersion:
        return ModelVersion(predictor, settings, telemetry.counting(predictor))

    if predictor is not None:
        models = ModelRegistry([Model(serve(predictor))])
    else:
        models = ModelRegistry(
            [
                ReloadableModel(path, serve, artifact_check(settings, is_default=not number))
                for number, path in enumerate(settings.artifacts)
            ]
        )
    served_as = _version()

    def reloaded(name: str, taken: bool) -> None:
        telemetry.reloaded(name, taken)
        telemetry.forget_all_but(models.titles)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with watch_models(models, reloaded):
            yield {"refused": telemetry.refused}  # for the server, which refuses some itself
        if tracer_provider is not None:
            await run_in_threadpool(end_tracing, tracer_provider)

    limiter = WorkLimiter(
        settings.scoring_threads,
        settings.scoring_queue_size,
        settings.scoring_queue_timeout_seconds,
        settings.max_buffered_body_bytes,
    )
    predict = predict_routes(models, settings, limiter)
    app = Service(
        title="malignancy",
        version=served_as,
        description="Predictions over REST, by small neural networks.",
        routes=[  # first, so the first to be matched
            *predict,
            *inference_protocol_routes(models, settings, limiter, served_as, lifecycle),
            *invocations_routes(models, settings, limiter),
        ],
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry=telemetry_config(tracer_provider),
        lifespan=running,
    )
    app.include_router(index_router(models))
    app.include_router(metrics_router(models, PrometheusExporter(models, telemetry)))
    app.include_router(model_router(models))
    app.include_router(health_router(models, lifecycle))
    app.include_router(scoring_server_router(models, served_as, lifecycle))
    if settings.docs:
        app.include_router(docs_router())
    install_openapi(app, models)
    install_problem_handlers(app)
    access = None if settings.api_keys is None else ApiKeyAuth(settings.api_keys)
    around = partial(
        RequestMiddleware,
        telemetry=telemetry,
        limiter=limiter,
        access=access,
        access_log=access_log,
    )
    app.add_middleware(around)
    if tracer_provider is None:  # FastAPI makes the spans
        route = predict[0]
        app.direct["POST", route.path] = around(route.endpoint)
    for model in models.by_name.values():
        thresholds = model.current.thresholds
        fields = {"model": model.current.title, **thresholds.as_fields(thresholds.active)}
        logger.info("model_loaded", extra=fields)
    return app


def _version() -> str:
    try:
        return version("malignancy")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "0"


class Service(FastAPI):
    """A FastAPI application in which some requests go straight to what answers them.

    FastAPI's own way there, through its middleware and routing, takes some 20 µs, as long as
    validation and prediction of one row together. direct: by method and path.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.direct: dict[tuple[str, str], ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request, or begin and end the lifespan."""
        endpoint = self.direct.get((scope.get("method", ""), scope.get("path", "")))
        await (endpoint or super().__call__)(scope, receive, send)
