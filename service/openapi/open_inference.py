"""What /openapi.json says of the protocol's paths."""

from http import HTTPStatus

from service.codecs.open_inference.request import MAX_ID_CHARACTERS
from service.codecs.open_inference.tensors import DATATYPES
from service.inference.open_inference_metadata import model_metadata
from service.openapi.json_schema import Json, object_of, reference
from service.openapi.parameters import name_parameter, threshold_parameters, version_parameter
from service.registry.registry import ModelRegistry

_TEXT: Json = {"type": "string"}
_TRUTH: Json = {"type": "boolean"}
_PARAMETERS: Json = {"type": "object"}
_SHAPE: Json = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
_NAMED = {"name": _TEXT}


def inference_protocol_paths(models: ModelRegistry) -> Json:
    """The paths."""
    thresholds = threshold_parameters(model.current for model in models.by_name.values())
    name, version = name_parameter(models), version_parameter(models)
    paths: Json = {
        "/v2": {"get": _get("Server metadata", "server_metadata", _ref("Server"))},
        "/v2/health/live": {"get": _get("Live", "server_live", object_of({"live": _TRUTH}))},
        "/v2/health/ready": {
            "get": _get("Ready", "server_ready", object_of({"ready": _TRUTH}), 503)
        },
        "/v2/repository/index": {"post": _index()},
    }
    for path, suffix, parameters in (
        ("/v2/models/{name}", "", [name]),
        ("/v2/models/{name}/versions/{version}", "_version", [name, version]),
    ):
        told = _get("Model metadata", f"model{suffix}_metadata", _ref("Model"), 404)
        ready = object_of({"name": _TEXT, "ready": _TRUTH})
        told_ready = _get("Model ready", f"model{suffix}_ready", ready, 404, 503)
        paths[path] = {"get": told | {"parameters": parameters}}
        paths[f"{path}/ready"] = {"get": told_ready | {"parameters": parameters}}
        infer = _infer(models, f"model{suffix}_infer")
        paths[f"{path}/infer"] = {"post": infer | {"parameters": [*parameters, *thresholds]}}
    return paths


def inference_protocol_schemas(models: ModelRegistry) -> Json:
    """The schemas that the paths refer to."""
    versions = [model.current for model in models.by_name.values()]
    points = {name: None for each in versions for name in each.predictor.operating_points}
    tensor = {**_NAMED, "datatype": _TEXT, "shape": {"type": "array", "items": {"type": "integer"}}}
    described = {"type": "array", "items": object_of(tensor | {"parameters": _PARAMETERS})}
    data: Json = {
        "type": ["array", "null"],
        "description": "Row-major, flat or nested as the shape says.",
    }
    given = object_of(
        {
            **_NAMED,
            "datatype": {"type": "string", "enum": list(DATATYPES)},
            "shape": _SHAPE,
        }
    )
    given["properties"] |= {
        "data": data,
        "parameters": _optional({"binary_data_size": {"type": ["integer", "null"], "minimum": 0}}),
    }
    outputs = {name: None for each in versions for name in each.output_tensors.by_name}
    asked = object_of(
        {
            "name": {"type": "string", "enum": list(outputs)},
            "parameters": _optional({"binary_data": _TRUTH}),
        },
        optional="parameters",
    )
    threshold = {
        "description": "A number from 0 to 1, or the name of an operating point.",
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "enum": list(points)},
        ],
    }
    request = object_of({"inputs": {"type": "array", "minItems": 1, "items": given}})
    request["properties"] |= {
        "id": {
            "type": ["string", "null"],
            "description": f"Echoed if it is printable and of at most {MAX_ID_CHARACTERS}.",
        },
        "parameters": _optional({"binary_data_output": _TRUTH, "threshold": threshold}),
        "outputs": {"type": ["array", "null"], "items": asked},
    }
    answered = object_of(tensor)
    answered["properties"] |= {"data": {"type": "array"}, "parameters": _PARAMETERS}
    indexed = object_of({**_NAMED, "version": _TEXT, "state": _TEXT, "reason": _TEXT})
    schemas = {
        "Error": object_of({"error": _TEXT}),
        "Server": object_of(
            {**_NAMED, "version": _TEXT, "extensions": {"type": "array", "items": _TEXT}}
        ),
        "Model": object_of(
            {
                **_NAMED,
                "versions": {"type": "array", "items": _TEXT},
                "platform": _TEXT,
                "inputs": described,
                "outputs": described,
                "parameters": _PARAMETERS,
            }
        ),
        "Index": {"type": "array", "items": indexed},
        "InferRequest": request,
        "InferAnswer": object_of(
            {
                "model_name": _TEXT,
                "model_version": _TEXT,
                "id": _TEXT,
                "parameters": _PARAMETERS,
                "outputs": {"type": "array", "items": answered},
            },
            optional="id",
        ),
    }
    return {f"v2.{name}": schema for name, schema in schemas.items()}


def _ref(name: str) -> Json:
    return reference(f"v2.{name}")


def _optional(properties: Json) -> Json:
    """Parameters, none of which need be there."""
    return {"type": ["object", "null"], "properties": properties}


def _get(summary: str, operation: str, answer: Json, *errors: int) -> Json:
    return {
        "summary": summary,
        "operationId": f"v2_{operation}",
        "tags": ["Open Inference Protocol v2"],
        "responses": {
            200: {"description": "OK", "content": {"application/json": {"schema": answer}}},
            **{
                status: {
                    "description": HTTPStatus(status).phrase,
                    "content": {"application/json": {"schema": _ref("Error")}},
                }
                for status in errors
            },
        },
    }


def _index() -> Json:
    body = object_of({"ready": _TRUTH}, optional="ready")
    return _get("Repository index", "repository_index", _ref("Index"), 400, 413, 415, 503) | {
        "requestBody": {"required": False, "content": {"application/json": {"schema": body}}}
    }


def _infer(models: ModelRegistry, operation: str) -> Json:
    operation_of = _get("Infer", operation, _ref("InferAnswer"), 400, 404, 413, 415, 503)
    binary: Json = {"schema": {"type": "string", "format": "binary"}}
    operation_of["responses"][200]["content"]["application/octet-stream"] = binary
    example = {"summary": "Two rows", "value": _example(models)}
    body = {"schema": _ref("InferRequest"), "examples": {"rows": example}}
    return operation_of | {
        "description": "Tensors in, tensors out: all features in one named `input`, or one a "
        "feature; the model's metadata names them. Content-Type is not looked at. Where binary "
        "data follow the JSON, Inference-Header-Content-Length says how long that is.",
        "requestBody": {"required": True, "content": {"application/json": body}},
    }


def _example(models: ModelRegistry) -> Json:
    """Two rows of what stands in for missing values: no one's own data."""
    model_version = models.default
    row = model_version.predictor.encoder.fill.tolist()
    (tensor,) = model_metadata(models, model_version)["inputs"]
    shape = [2, len(row)]
    return {"inputs": [{**tensor, "shape": shape, "parameters": {}, "data": [row, row]}]}
