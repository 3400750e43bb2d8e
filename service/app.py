"""The composition root: here the service is put together, everything else is given its parts."""

import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Route

from model import artifact
from model.errors import ArtifactError
from model.predictor import Predictor
from service.middleware import HeadAsGet, RequestIdentity
from service.openapi import install_openapi
from service.problems import Problem, install_problem_handlers
from service.routes.health import health_router
from service.routes.index import index_router
from service.routes.metrics import metrics_router
from service.routes.model import model_router
from service.routes.predict import Predict
from service.settings import Settings
from service.threshold import Thresholds

logger = logging.getLogger(__name__)


def create_app(settings: Settings, predictor: Predictor | None = None) -> FastAPI:
    """The service for one model: the given one, or the settings' artifact.

    Raises ArtifactError when there is no artifact that can be read, SettingError when the settings
    do not fit the model.
    """
    if predictor is None:
        predictor = artifact.load(artifact_file(settings.artifact))
    thresholds = Thresholds(predictor.operating_points, settings.threshold)
    predict = Predict(predictor, thresholds, settings.max_rows, settings.max_body_bytes)
    app = FastAPI(
        title=predictor.name,
        version=_version(),
        description=f"Predictions of {_names(predictor)} by {predictor.title}.",
        routes=[Route("/predict", predict, methods=["POST"])],  # first, so the first to be matched
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(index_router(predictor))
    app.include_router(metrics_router(predictor, thresholds))
    app.include_router(model_router(predictor, thresholds))
    app.include_router(health_router(predictor))
    install_openapi(app, predictor, settings.max_rows)
    install_problem_handlers(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestIdentity, last_resort=lambda: Problem(500).response())
    logger.info("model %s %s", predictor.title, thresholds.told(thresholds.in_force) or "")
    return app


def artifact_file(path: Path) -> Path:
    """The artifact that a path means: a file, or the only *.joblib of a folder.

    Raises ArtifactError.
    """
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.joblib"))
    if len(files) != 1:
        raise ArtifactError(f"{path}: must hold exactly one *.joblib, it holds {len(files)}")
    return files[0]


def _names(predictor: Predictor) -> str:
    """What is predicted, a few of many."""
    names = predictor.schema.target.names
    return ", ".join(names[:5]) + ", …" * (len(names) > 5)


def _version() -> str:
    try:
        return version("malignancy")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "0"
