"""What /openapi.json says; predictions' part is made from the models' schemas."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from model.predictor import Predictor
from model.target import Target
from service.answers import answer_schemas
from service.json_schema import Json, object_of, reference
from service.models import Models
from service.problems import MAX_ERRORS, MEDIA_TYPE
from service.requests import request_schemas
from service.settings import Settings

THRESHOLD_PARAMETER: Json = {
    "name": "threshold",
    "in": "query",
    "required": False,
    "description": "A number from 0 to 1, or the name of one of the model's operating points. A "
    "probability strictly above it is positive. Without it, the service's own threshold.",
    "schema": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}]},
}


def threshold_parameters(target: Target) -> list[Json]:
    """What a path's query may hold."""
    return [THRESHOLD_PARAMETER] if target.has_threshold else []


def problem_responses(*statuses: int) -> dict[int | str, Json]:
    """OpenAPI responses that are problems, by status."""
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def install_openapi(app: FastAPI, models: Models, settings: Settings) -> None:
    """Have the app document predictions, which FastAPI does not see, beside its own routes."""
    made_for: list[str] = []

    def openapi() -> Json:
        titles = [model.current.title for model in models.by_name.values()]
        if app.openapi_schema is None or titles != made_for:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=f"{app.description} Here: {', '.join(titles)}.",
                routes=app.routes,
            )
            document["paths"] = _predict_paths(models) | document["paths"]
            schemas: Json = {}
            document["components"] = {"schemas": schemas}
            for name, prefix in _prefixes(models).items():
                predictor = models.find(name).predictor
                schemas |= request_schemas(predictor.schema, settings.max_rows, prefix)
                schemas |= answer_schemas(predictor.schema.target, prefix)
            schemas["Problem"] = _problem_schema()
            made_for[:] = titles
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _prefixes(models: Models) -> dict[str, str]:
    """What the names of a model's schemas begin with: nothing for the default model."""
    default = models.default.predictor.name
    return {name: "" if name == default else f"{name}." for name in models.by_name}


def _predict_paths(models: Models) -> Json:
    """The default model's path, and the paths that name one; what those take is any model's."""
    prefixes = _prefixes(models)
    default = models.default.predictor.name
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "The model.",
        "schema": {"type": "string", "enum": list(prefixes)},
    }
    version = {
        "name": "version",
        "in": "path",
        "required": True,
        "description": "The first 12 or more digits of the version's SHA-256.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{12,64}$"},
    }
    named = "/models/{name}"
    return {
        "/predict": {"post": _predict(models, {default: ""}, "predict")},
        f"{named}/predict": {"post": _predict(models, prefixes, "predict_by_name", name)},
        f"{named}/versions/{{version}}/predict": {
            "post": _predict(models, prefixes, "predict_by_version", name, version)
        },
    }


def _predict(
    models: Models, prefixes: Mapping[str, str], operation: str, *parameters: Json
) -> Json:
    def any_of(*names: str) -> Json:
        every = (prefix + name for prefix in prefixes.values() for name in names)
        return {"anyOf": [reference(name) for name in every]}

    predictor = models.find(next(iter(prefixes))).predictor
    row = _typical_row(predictor)
    objects, arrays = {"instances": [row]}, {"instances": [list(row.values())]}
    request = {
        "schema": any_of("Instance", "Instances"),
        "examples": {
            "one": {"summary": "One case", "value": row},
            "objects": {"summary": "Many cases as objects", "value": objects},
            "arrays": {"summary": "Many cases as arrays, features in order", "value": arrays},
        },
    }
    thresholds = [models.find(name).predictor.schema.target.has_threshold for name in prefixes]
    missing = (404,) if parameters else ()
    return {
        "summary": "Predict",
        "description": "One case in, one answer out; many in, many out, in the same order.",
        "operationId": operation,
        "parameters": [*parameters, *([THRESHOLD_PARAMETER] if any(thresholds) else [])],
        "requestBody": {"required": True, "content": {"application/json": request}},
        "responses": {
            200: {
                "description": "OK",
                "content": {"application/json": {"schema": any_of("Answer", "Answers")}},
            },
            **problem_responses(400, *missing, 406, 413, 415, 422),
        },
    }


def _typical_row(predictor: Predictor) -> Json:
    """What stands in for missing values, as an example: no one's own data."""
    values = zip(predictor.schema.features, predictor.encoder.fill.tolist(), strict=True)
    return {feature.name: feature.spelled(value) for feature, value in values}


def _problem_schema() -> Json:
    error = {
        "field": {"type": "string", "examples": ["instances.3"]},
        "rule": {"type": "string", "examples": ["must be an object"]},
    }
    properties = {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The request's id."},
        "errors": {"type": "array", "maxItems": MAX_ERRORS, "items": object_of(error)},
    }
    return {"description": "RFC 9457 problem details."} | object_of(properties, optional="errors")
