"""The OpenAPI document: FastAPI's routes, the paths that FastAPI does not see, and examples."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.openapi.comparisons import PATH as COMPARE
from service.openapi.examples import PredictionExamples
from service.openapi.explanations import explanation_paths
from service.openapi.feedback import feedback_paths, feedback_schemas
from service.openapi.headers import add_headers, response_headers
from service.openapi.invocations import invocation_schemas, invocations_path
from service.openapi.kserve import kserve_paths, kserve_schemas
from service.openapi.open_inference import inference_protocol_paths
from service.openapi.parameters import SUBJECT_PARAMETER
from service.openapi.predictions import prediction_paths
from service.openapi.problem_responses import add_problem_responses, error_schemas
from service.openapi.reads import complete_reads
from service.openapi.schemas.comparisons import comparison_schemas
from service.openapi.schemas.curves import curves_schemas
from service.openapi.schemas.explanations import explanation_schemas
from service.openapi.schemas.json_schema import Json
from service.openapi.schemas.live import live_schemas
from service.openapi.schemas.open_inference import inference_protocol_schemas
from service.openapi.schemas.reads import metadata_schemas, metrics_schemas
from service.openapi.schemas.requests import request_schemas
from service.openapi.schemas.responses import answer_schemas
from service.openapi.security import add_security, needs_key, security_schemes
from service.openapi.tabular import table_schemas
from service.openapi.tags import TAGS
from service.openapi.triton import triton_paths, triton_schemas
from service.registry.model_version import MAX_EXPLAINED_ROWS
from service.registry.registry import ModelRegistry

# Relative to the document, so that it is right behind a proxy that removes a prefix of the path.
SERVER = "."


def openapi_document(
    app: FastAPI,
    models: ModelRegistry,
    pages: Sequence[str],
    *,
    keys: bool,
    subjects: bool,
    root_path: str | None,
) -> Json:
    """Return the OpenAPI document of the models in service.

    Args:
        app: The application, with all routes.
        models: The models in service.
        pages: Paths that are not in the document, for the example of `GET /`.
        keys: Whether requests need an API key.
        subjects: Whether a store keeps digests of subjects.
        root_path: Path prefix of the service; None for none.
    """
    servers = [{"url": root_path or SERVER, "description": "The service of this document."}]
    document = _document(app, models, pages, servers, keys=keys)
    return document if subjects else _without_subjects(document)


def _without_subjects(document: Json) -> Json:
    """Return a document whose operations do not have the parameter `subject`."""
    for operations in document["paths"].values():
        for operation in operations.values():
            parameters = operation.get("parameters", [])
            operation["parameters"] = [each for each in parameters if each != SUBJECT_PARAMETER]
    return document


def _document(
    app: FastAPI,
    models: ModelRegistry,
    pages: Sequence[str],
    servers: list[dict[str, Any]],
    *,
    keys: bool,
) -> Json:
    titles = [model.current.title for model in models.by_name.values()]
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=f"{app.description} Models in service: {', '.join(titles)}.",
        routes=app.routes,
        tags=TAGS,
        servers=servers,
    )
    prefixes = _prefixes(models)
    examples = PredictionExamples(models.default)
    paths: Json = (
        prediction_paths(models, prefixes, examples)
        | explanation_paths(models, prefixes, examples)
        | invocations_path(models, examples)
        | feedback_paths(examples)
        | document["paths"]
        | inference_protocol_paths(models, app.version, examples)
        | triton_paths(models)
        | kserve_paths(models, prefixes, examples)
    )
    complete_reads(paths, models, app.version, prefixes, [*paths, *pages])
    for path, operations in paths.items():
        for operation in operations.values():
            if keys and needs_key(path):
                add_security(operation)
            add_problem_responses(operation, path, keys=keys and needs_key(path))
            add_headers(operation)
    document["paths"] = paths
    document["components"] = {
        "schemas": _schemas(models, prefixes) | (comparison_schemas() if COMPARE in paths else {}),
        "headers": response_headers(),
        **({"securitySchemes": security_schemes()} if keys else {}),
    }
    return document


def _schemas(models: ModelRegistry, prefixes: dict[str, str]) -> Json:
    schemas = metadata_schemas() | inference_protocol_schemas(models)
    schemas |= curves_schemas() | live_schemas() | triton_schemas() | kserve_schemas()
    schemas |= feedback_schemas()
    for name, prefix in prefixes.items():
        model_version = models.find(name)
        schema = model_version.predictor.schema
        points = model_version.predictor.operating_points
        schemas |= request_schemas(schema, model_version.max_rows, points, prefix)
        schemas |= answer_schemas(schema.target, prefix) | table_schemas(schema, prefix)
        schemas |= metrics_schemas(schema.target, prefix)
        few = request_schemas(schema, MAX_EXPLAINED_ROWS, points, prefix)
        schemas[f"{prefix}ExplainInstances"] = few[f"{prefix}Instances"]
        schemas |= explanation_schemas(model_version.predictor, prefix)
        schemas |= invocation_schemas(model_version.predictor, prefix)
    return schemas | error_schemas()


def _prefixes(models: ModelRegistry) -> dict[str, str]:
    """Return the prefix of the names of each model's schemas; "" for the default model."""
    default = models.default.predictor.name
    return {name: "" if name == default else f"{name}." for name in models.by_name}
