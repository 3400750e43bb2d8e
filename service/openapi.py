"""What /openapi.json says; /predict's part is made from the model's schema."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from model.predictor import Predictor
from model.schema import Feature, Schema
from model.target import Target
from service.answers import answer_schemas
from service.json_schema import Json, object_of, reference
from service.problems import MAX_ERRORS, MEDIA_TYPE

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


def install_openapi(app: FastAPI, predictor: Predictor, max_rows: int) -> None:
    """Have the app document /predict, which FastAPI does not see, beside its own routes."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            document["paths"] = {"/predict": {"post": _predict(predictor)}} | document["paths"]
            document.setdefault("components", {})["schemas"] = {
                **_request_schemas(predictor.schema, max_rows),
                **answer_schemas(predictor.schema.target),
                "Problem": _problem_schema(),
            }
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _predict(predictor: Predictor) -> Json:
    row = _typical_row(predictor)
    objects, arrays = {"instances": [row]}, {"instances": [list(row.values())]}
    request = {
        "schema": {"oneOf": [reference("Instance"), reference("Instances")]},
        "examples": {
            "one": {"summary": "One case", "value": row},
            "objects": {"summary": "Many cases as objects", "value": objects},
            "arrays": {"summary": "Many cases as arrays, features in order", "value": arrays},
        },
    }
    answer = {"schema": {"oneOf": [reference("Answer"), reference("Answers")]}}
    return {
        "summary": "Predict",
        "description": "One case in, one answer out; many in, many out, in the same order.",
        "operationId": "predict",
        "parameters": threshold_parameters(predictor.schema.target),
        "requestBody": {"required": True, "content": {"application/json": request}},
        "responses": {
            200: {"description": "OK", "content": {"application/json": answer}},
            **problem_responses(400, 406, 413, 415, 422),
        },
    }


def _typical_row(predictor: Predictor) -> Json:
    """What stands in for missing values, as an example: no one's own data."""
    values = zip(predictor.schema.features, predictor.encoder.fill.tolist(), strict=True)
    return {feature.name: feature.spelled(value) for feature, value in values}


def _request_schemas(schema: Schema, max_rows: int) -> Json:
    values = [_value_schema(feature) for feature in schema.features]
    rows = {"type": "array", "minItems": 1, "maxItems": max_rows}
    array_row = {
        "type": "array",
        "prefixItems": values,
        "minItems": len(values),
        "maxItems": len(values),
    }
    return {
        "Instance": {
            "type": "object",
            "description": "One case.",
            "properties": dict(zip(schema.names, values, strict=True)),
            "required": [each.name for each in schema.features if not each.may_be_missing],
            "additionalProperties": False,
        },
        "Instances": {
            "type": "object",
            "description": "Many cases: all objects, or all arrays of values in this order: "
            f"{', '.join(schema.names)}.",
            "properties": {
                "instances": {
                    "oneOf": [
                        {**rows, "items": reference("Instance")},
                        {**rows, "items": array_row},
                    ]
                }
            },
            "required": ["instances"],
            "additionalProperties": False,
        },
    }


def _value_schema(feature: Feature) -> Json:
    notes = [
        feature.description,
        f"Unit: {feature.unit}." if feature.unit else None,
        "Imputed when null or absent." if feature.may_be_missing else None,
    ]
    type_ = "string" if feature.type == "category" else feature.type
    categories: list[str | None] = list(feature.categories)
    if categories and feature.may_be_missing:
        categories.append(None)
    facts = {
        "type": [type_, "null"] if feature.may_be_missing else type_,
        "enum": categories or None,
        "minimum": feature.minimum,
        "maximum": feature.maximum,
        "description": " ".join(note for note in notes if note) or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


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
