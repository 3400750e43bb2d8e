"""The OpenAPI document: FastAPI's routes, the paths that FastAPI does not see, and examples."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.codecs.negotiation import JSON
from service.openapi.examples import PredictionExamples
from service.openapi.json_schema import Json
from service.openapi.open_inference import inference_protocol_paths, inference_protocol_schemas
from service.openapi.parameters import name_parameter, threshold_parameters
from service.openapi.predictions import prediction_paths
from service.openapi.problem_responses import problem_schema
from service.openapi.request_schemas import request_schemas
from service.openapi.response_schemas import answer_schemas
from service.openapi.tags import TAGS
from service.registry.registry import ModelRegistry


def install_openapi(app: FastAPI, models: ModelRegistry, pages: Sequence[str]) -> None:
    """Make the app create its document from the models in service.

    The document is created when it is first needed, and again after a model was reloaded.

    Args:
        app: The application, with all routes.
        models: The models in service.
        pages: Paths that are not in the document, for the example of `GET /`.
    """
    documented: list[str] = []

    def openapi() -> Json:
        titles = [model.current.title for model in models.by_name.values()]
        if app.openapi_schema is None or titles != documented:
            app.openapi_schema = _document(app, models, pages)
            documented[:] = titles
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, models: ModelRegistry, pages: Sequence[str]) -> Json:
    titles = [model.current.title for model in models.by_name.values()]
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=f"{app.description} Models in service: {', '.join(titles)}.",
        routes=app.routes,
        tags=TAGS,
    )
    prefixes = _prefixes(models)
    examples = PredictionExamples(models.default)
    paths: Json = (
        prediction_paths(models, prefixes, examples)
        | document["paths"]
        | inference_protocol_paths(models, app.version, examples)
    )
    document["paths"] = paths
    current = [model.current for model in models.by_name.values()]
    for path, operations in paths.items():
        if path.startswith("/models/{name}") and "get" in operations:
            operations["get"]["parameters"] = [name_parameter(models)]
    for path, model_versions in (
        ("/metrics", [models.default]),
        ("/models/{name}/metrics", current),
    ):
        parameters = paths[path]["get"].setdefault("parameters", [])
        parameters.extend(threshold_parameters(model_versions))
    for path, (media_type, answer) in _answers(app, models, [*paths, *pages]).items():
        content = paths[path]["get"]["responses"]["200"]["content"][media_type]
        content["example"] = answer
        if media_type == JSON:
            content["schema"] = {"type": "object"}
    schemas: Json = inference_protocol_schemas(models)
    for name, prefix in prefixes.items():
        model_version = models.find(name)
        schema = model_version.predictor.schema
        schemas |= request_schemas(schema, model_version.max_rows, prefix)
        schemas |= answer_schemas(schema.target, prefix)
    schemas["Problem"] = problem_schema()
    document["components"] = {"schemas": schemas}
    return document


def _prefixes(models: ModelRegistry) -> dict[str, str]:
    """Return the prefix of the names of each model's schemas; "" for the default model."""
    default = models.default.predictor.name
    return {name: "" if name == default else f"{name}." for name in models.by_name}


def _answers(app: FastAPI, models: ModelRegistry, paths: list[str]) -> dict[str, tuple[str, Any]]:
    """Return the media type and the answer of each GET route of FastAPI, by path."""
    default = models.default
    metrics = default.describe_metrics(default.thresholds.active)
    ready = {"status": "ready", **models.describe_health()}
    return {
        "/metrics": (JSON, metrics),
        "/models/{name}/metrics": (JSON, metrics),
        "/model": (JSON, default.description),
        "/models/{name}": (JSON, default.description),
        "/model/card": ("text/markdown", default.card),
        "/models/{name}/card": ("text/markdown", default.card),
        "/models": (JSON, models.describe()),
        "/health/live": (JSON, {"status": "live"}),
        "/health/ready": (JSON, ready),
        "/health": (JSON, ready),
        "/ping": ("text/plain", f"{default.title}\n"),
        "/version": ("text/plain", app.version),
        "/": (JSON, {"model": default.title, "paths": sorted(paths)}),
    }
