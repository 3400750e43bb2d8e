"""The composition root: here the service is put together, everything else is given its parts."""

import logging
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from model.predictor import Predictor
from service.middleware import HeadAsGet, RequestIdentity
from service.models import Models, ServedModel, WatchedModel
from service.openapi import install_openapi
from service.problems import Problem, install_problem_handlers
from service.reloading import reloading
from service.routes.docs import docs_router
from service.routes.health import health_router
from service.routes.index import index_router
from service.routes.metrics import metrics_router
from service.routes.model import model_router
from service.routes.predict import predict_routes
from service.served import Served
from service.settings import Settings
from service.trust import trust

logger = logging.getLogger(__name__)


def create_app(settings: Settings, predictor: Predictor | None = None) -> FastAPI:
    """The service for one model, the given one, or for those at the settings' paths.

    Raises ArtifactError when there is no artifact that can be read, SettingError when the settings
    do not fit the models.
    """

    def serve(predictor: Predictor) -> Served:
        return Served(predictor, settings)

    if predictor is not None:
        models = Models([ServedModel(serve(predictor))])
    else:
        models = Models(
            [
                WatchedModel(path, serve, trust(settings, is_default=not number))
                for number, path in enumerate(settings.artifacts)
            ]
        )
    app = FastAPI(
        title="malignancy",
        version=_version(),
        description="Predictions over REST, by small neural networks.",
        routes=predict_routes(models, settings),  # first, so the first to be matched
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: reloading(models),
    )
    app.include_router(index_router(models))
    app.include_router(metrics_router(models))
    app.include_router(model_router(models))
    app.include_router(health_router(models))
    if settings.docs:
        app.include_router(docs_router())
    install_openapi(app, models, settings)
    install_problem_handlers(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestIdentity, last_resort=lambda: Problem(500).response())
    for model in models.by_name.values():
        told = model.current.thresholds.told(model.current.thresholds.in_force)
        logger.info("model %s %s", model.current.title, told or "")
    return app


def _version() -> str:
    try:
        return version("malignancy")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "0"
