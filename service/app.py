"""Composition root: creates the application and passes each component its dependencies."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from model.prediction.predictor import Predictor
from service.compression.middleware import CompressionMiddleware
from service.cors import CorsPolicy
from service.dependencies import Dependencies
from service.fast_path.fast_path import FastPath
from service.fast_path.recorder import Recorder
from service.lifecycle import Lifecycle
from service.middleware import RequestMiddleware
from service.observability.log_writer import LogWriter
from service.observability.metrics import Telemetry
from service.observability.tracing import shut_down_tracing, telemetry_config
from service.openapi.installation import install_openapi
from service.overload.budgets import Budgets, memory_limit
from service.overload.limiter import WorkLimiter
from service.overload.memory import MemoryLedger, spools_full
from service.page.page import Page
from service.problems import install_problem_handlers
from service.protocol.direct_requests import FindHandler
from service.registry.canary import Canary
from service.registry.mirror_poller import MirrorPoller, local_files, polling_all
from service.registry.model_version import ModelVersion
from service.registry.registry import Model, ModelRegistry
from service.registry.reloadable_model import ReloadableModel
from service.registry.reloader import watch_models
from service.request_context import AccessLog
from service.routes.curves import curves_router
from service.routes.docs import docs_router
from service.routes.explain import explain_routes
from service.routes.feedback import feedback_routes
from service.routes.health import health_router
from service.routes.index import index_router
from service.routes.kserve import kserve_model_routes, kserve_predict_routes
from service.routes.live import live_router
from service.routes.metrics import metrics_router
from service.routes.mlflow import invocations_routes, scoring_server_router
from service.routes.model import model_router
from service.routes.open_inference import inference_protocol_routes
from service.routes.page import page_router
from service.routes.predict import predict_routes
from service.routes.report import report_router
from service.routes.vertex import vertex_health_routes, vertex_predict_routes
from service.security.api_keys import ApiKeyAuth
from service.security.artifact_policy import artifact_check
from service.settings import SettingError, Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from service.live.gauges import LiveGauges
    from service.live.reader import LiveReader
    from service.shadow.scorer import ShadowScorer
    from service.store.store import Store

logger = logging.getLogger(__name__)

# Of the stop's grace, for rows that wait; fixed.
SHADOW_STOP_SECONDS: Final = 1.0


def create_app(
    settings: Settings,
    predictor: Predictor | None = None,
    access_log: AccessLog | None = None,
    tracer_provider: "TracerProvider | None" = None,
    lifecycle: Lifecycle | None = None,
    log_writer: LogWriter | None = None,
) -> "Service":
    """Create the service.

    Args:
        settings: Settings of the service.
        predictor: The only model. Without it, the artifacts of the settings are loaded, and
            reloaded when their files change.
        access_log: Function that is called after each request; None for no access log.
        tracer_provider: Provider of spans; None for no tracing.
        lifecycle: Phases of the process's shutdown; a new one by default.
        log_writer: Writer of log lines; the lines that it drops are counted.

    Returns:
        The ASGI application.

    Raises:
        ArtifactError: An artifact cannot be loaded.
        SettingError: The settings do not fit the models.
    """
    lifecycle = lifecycle or Lifecycle(settings.drain_seconds)
    telemetry = Telemetry()
    if log_writer is not None:
        log_writer.on_drop = telemetry.log_line_dropped

    store = _open_store(settings)
    publishing: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    if store is not None:
        publishing = telemetry.observe_store(partial(getattr, store, "status")).publishing

    limiter = WorkLimiter(
        settings.scoring_threads,
        settings.scoring_queue_size,
        settings.scoring_queue_timeout_seconds,
    )
    shadow = _open_shadow(settings, store, telemetry, limiter)

    def make_version(predictor: Predictor) -> ModelVersion:
        other = None if shadow is None else shadow.version_for(predictor)
        recorder = None if store is None else store.recorder(predictor, other)
        return ModelVersion(predictor, settings, telemetry.label_counter(predictor), recorder)

    mirrors: list[MirrorPoller] = []
    canary = None if settings.canary_share is None else Canary(*settings.canary_share)
    if predictor is not None:
        models = ModelRegistry([Model(make_version(predictor))], canary)
    else:
        check = artifact_check(settings)
        reloadable = []
        for location in settings.artifacts:
            path, mirror = local_files(location, settings.artifact_cache)
            reloadable.append(ReloadableModel(path, make_version, check, mirror))
            mirrors += [] if mirror is None else [mirror]
        models = ModelRegistry(reloadable, canary)

    if not settings.shadows.keys() <= models.by_name.keys():
        raise SettingError("shadow", "must name models in service")

    def on_reload(name: str, succeeded: bool) -> None:
        telemetry.reloaded(name, succeeded)
        telemetry.remove_other_titles(models.titles)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        refreshing = gauges.refreshed() if gauges else nullcontext()
        async with watch_models(models, on_reload), publishing(), refreshing:
            if store is not None:
                store.start()
            if shadow is not None:
                shadow.start()
            with polling_all(mirrors):
                yield
        if store is not None and shadow is not None:
            await run_in_threadpool(store.flush, SHADOW_STOP_SECONDS)  # offers the last rows
            await run_in_threadpool(shadow.stop, SHADOW_STOP_SECONDS)
        if store is not None:
            await run_in_threadpool(store.stop, lifecycle.remaining_seconds)
        if tracer_provider is not None:
            await run_in_threadpool(shut_down_tracing, tracer_provider)

    budgets = Budgets.for_limit(memory_limit(), settings.workers)
    memory = MemoryLedger(
        settings.max_request_memory_bytes or budgets.memory_bytes,
        on_change=telemetry.memory_charged,
    )
    spools = MemoryLedger(
        settings.max_spooled_answer_bytes or budgets.spool_bytes,
        full=spools_full,
        too_large=spools_full,
        on_change=telemetry.spools_charged,
    )
    live, gauges = _live_figures(store, models)
    dependencies = Dependencies(
        settings,
        models,
        limiter,
        spools,
        telemetry,
        lifecycle,
        _service_version(),
        store,
        live,
        gauges,
    )
    predict = [
        *predict_routes(dependencies),
        *invocations_routes(dependencies),
        *kserve_predict_routes(dependencies),
        *vertex_predict_routes(dependencies),
    ]
    app = Service(
        telemetry.rejected,
        memory,
        title="malignancy",
        version=dependencies.version,
        description="Predictions of small neural networks over REST.",
        routes=[  # matched before the routers below
            *predict,
            *explain_routes(dependencies),
            *vertex_health_routes(dependencies),
            *kserve_model_routes(dependencies),
            *inference_protocol_routes(dependencies),
            *feedback_routes(dependencies),
        ],
        openapi_url=None,  # the document is a snapshot
        docs_url=None,  # FastAPI's own pages load scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        telemetry=telemetry_config(tracer_provider),
        lifespan=lifespan,
    )
    pages = ["/openapi.json", "/docs"] if settings.docs else ["/openapi.json"]
    page = Page() if settings.page else None
    routers = [
        index_router(models, pages, lambda: app.openapi(), page, settings.root_path),
        metrics_router(dependencies),
        curves_router(dependencies),
        live_router(dependencies),
        model_router(models),
        report_router(dependencies),
        *_store_routers(dependencies, store),
        health_router(dependencies),
        scoring_server_router(dependencies),
        *([docs_router()] if settings.docs else []),
        *([page_router(page)] if page is not None else []),
    ]
    for router in routers:
        app.include_router(router)
    keys = settings.api_keys is not None
    install_openapi(
        app,
        models,
        pages,
        keys=keys,
        subjects=settings.store_keeps != "counts" and settings.store_subject_key is not None,
        root_path=settings.root_path,
    )
    install_problem_handlers(app)
    is_public = page.is_public if page is not None else None
    access = None if settings.api_keys is None else ApiKeyAuth(settings.api_keys, is_public)
    cors = CorsPolicy(settings.origins) if settings.origins else None
    middleware = partial(
        RequestMiddleware,
        telemetry=telemetry,
        memory=memory,
        access=access,
        access_log=access_log,
        cors=cors,
    )
    app.add_middleware(CompressionMiddleware, limiter=limiter)
    app.add_middleware(middleware)
    if tracer_provider is None:  # FastAPI creates the spans, so with tracing it must be called
        routes = chain(app.routes, *(router.routes for router in routers))
        endpoints = {
            route.path: route.endpoint
            for route in routes
            if isinstance(route, Route) and "GET" in (route.methods or ()) and "{" not in route.path
        }
        recorder = Recorder(telemetry, access_log)
        app.find_handler = FastPath(recorder, models, access, predict, endpoints, cors).find
    for model in models.by_name.values():
        thresholds = model.current.thresholds
        fields = {"model": model.current.title, **thresholds.as_fields(thresholds.active)}
        logger.info("model_loaded", extra=fields)
    return app


def _open_store(settings: Settings) -> "Store | None":
    """Return the store of predictions; None without the setting."""
    if settings.store is None:
        return None
    from service.store.store import Store

    return Store(settings)


def _live_figures(
    store: "Store | None", models: ModelRegistry
) -> "tuple[LiveReader, LiveGauges] | tuple[None, None]":
    """Return the live figures and their gauges; None without a store."""
    if store is None:
        return None, None
    from service.live.gauges import LiveGauges
    from service.live.reader import LiveReader

    reader = LiveReader(store, models)
    return reader, LiveGauges(reader, models)


def _store_routers(dependencies: Dependencies, store: "Store | None") -> list[APIRouter]:
    """Return the routers of paths that need a store."""
    if store is None:
        return []
    from service.routes.compare import compare_router

    return [compare_router(dependencies, store)]


def _open_shadow(
    settings: Settings, store: "Store | None", telemetry: Telemetry, limiter: WorkLimiter
) -> "ShadowScorer | None":
    """Return the scorer of shadow versions; None without the setting."""
    if settings.shadow is None:
        return None
    from service.shadow.loading import load_shadows
    from service.shadow.scorer import ShadowScorer
    from service.store.store import stored_version

    shadows = load_shadows(settings, artifact_check(settings))
    assert store is not None
    versions = {name: stored_version(predictor) for name, predictor in shadows.items()}
    scorer = ShadowScorer(versions, store.put_shadow, telemetry, lambda: limiter.waiting > 0)
    store.on_written(scorer.offer)
    return scorer


def _service_version() -> str:
    try:
        return version("malignancy")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


class Service(FastAPI):
    """FastAPI application with what its server needs.

    Args:
        count_rejected: Counts requests that the server rejects without calling the application.
        memory: The ledger of memory for requests.
        **options: Arguments of FastAPI.

    Attributes:
        count_rejected: The argument, for the server.
        memory: The argument, for the server.
        find_handler: Finds the handler of a request that bypasses ASGI.
    """

    def __init__(
        self, count_rejected: Callable[[int], None], memory: MemoryLedger, **options: Any
    ) -> None:
        super().__init__(**options)
        self.count_rejected = count_rejected
        self.memory = memory
        self.find_handler: FindHandler = lambda _: None
