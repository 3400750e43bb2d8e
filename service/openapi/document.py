"""What /openapi.json says; predictions' part is made from the models' schemas."""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from model.prediction.predictor import Predictor
from service.codecs.negotiation import CSV, JSON
from service.openapi.json_schema import Json, object_of, reference
from service.openapi.open_inference import inference_protocol_paths, inference_protocol_schemas
from service.openapi.parameters import name_parameter, threshold_parameters, version_parameter
from service.openapi.problem_responses import problem_responses
from service.openapi.request_schemas import request_schemas
from service.openapi.response_schemas import answer_schemas
from service.openapi.tabular import ON_ERROR_PARAMETER, invocation, table_answers, table_requests
from service.problems import MAX_ERRORS
from service.registry.registry import ModelRegistry


def install_openapi(app: FastAPI, models: ModelRegistry) -> None:
    """Have the app document predictions, which FastAPI does not see, beside its own routes."""
    made_for: list[str] = []

    def openapi() -> Json:
        current = [model.current for model in models.by_name.values()]
        titles = [model_version.title for model_version in current]
        if app.openapi_schema is None or titles != made_for:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=f"{app.description} Here: {', '.join(titles)}.",
                routes=app.routes,
            )
            document["paths"] = (
                _predict_paths(models) | document["paths"] | inference_protocol_paths(models)
            )
            for path, of in (("/metrics", [models.default]), ("/models/{name}/metrics", current)):
                operation = document["paths"][path]["get"]
                operation["parameters"] = [
                    *operation.get("parameters", ()),
                    *threshold_parameters(of),
                ]
            schemas: Json = inference_protocol_schemas(models)
            document["components"] = {"schemas": schemas}
            for name, prefix in _prefixes(models).items():
                model_version = models.find(name)
                schema = model_version.predictor.schema
                schemas |= request_schemas(schema, model_version.max_rows, prefix)
                schemas |= answer_schemas(schema.target, prefix)
            schemas["Problem"] = _problem_schema()
            made_for[:] = titles
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _prefixes(models: ModelRegistry) -> dict[str, str]:
    """What the names of a model's schemas begin with: nothing for the default model."""
    default = models.default.predictor.name
    return {name: "" if name == default else f"{name}." for name in models.by_name}


def _predict_paths(models: ModelRegistry) -> Json:
    """The default model's path, and the paths that name one; what those take is any model's."""
    prefixes = _prefixes(models)
    default = models.default.predictor.name
    name, version = name_parameter(models), version_parameter(models)
    named, predictor = "/models/{name}", models.default.predictor
    return {
        "/predict": {"post": _predict(models, {default: ""}, "predict")},
        "/invocations": {
            "post": invocation(
                predictor.schema,
                table_requests(predictor.schema, _typical_row(predictor))[CSV],
                problem_responses(400, 406, 413, 415, 422, 503, 507),
            )
        },
        f"{named}/predict": {"post": _predict(models, prefixes, "predict_by_name", name)},
        f"{named}/versions/{{version}}/predict": {
            "post": _predict(models, prefixes, "predict_by_version", name, version)
        },
    }


def _predict(
    models: ModelRegistry, prefixes: Mapping[str, str], operation: str, *parameters: Json
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
    missing = (404,) if parameters else ()
    return {
        "summary": "Predict",
        "description": "One case in, one answer out; many in, many out, in the same order. "
        "Content-Type says what the body is in, Accept what the answer shall be in; by default the "
        "same. CSV, NDJSON and Arrow may have any number of rows.",
        "operationId": operation,
        "parameters": [
            *parameters,
            *threshold_parameters(map(models.find, prefixes)),
            ON_ERROR_PARAMETER,
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: request, **table_requests(predictor.schema, row)},
        },
        "responses": {
            200: {
                "description": "OK",
                "content": {
                    JSON: {"schema": any_of("Answer", "Answers")},
                    **table_answers(predictor.schema.target, any_of("Prediction")),
                },
            },
            **problem_responses(400, *missing, 406, 413, 415, 422, 503, 507),
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
