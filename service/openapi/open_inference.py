"""OpenAPI paths and schemas of the Open Inference Protocol."""

from http import HTTPStatus
from typing import Any

from service.codecs.negotiation import JSON
from service.codecs.open_inference.request import MAX_ID_CHARACTERS
from service.codecs.open_inference.tensors import DATATYPES
from service.inference.open_inference_metadata import model_metadata, server_metadata
from service.openapi.examples import PredictionExamples
from service.openapi.json_schema import Json, object_of, reference
from service.openapi.parameters import name_parameter, threshold_parameters, version_parameter
from service.openapi.tabular import BINARY
from service.openapi.tags import INFERENCE_PROTOCOL
from service.registry.registry import ModelRegistry

_TEXT: Json = {"type": "string"}
_BOOLEAN: Json = {"type": "boolean"}
_PARAMETERS: Json = {"type": "object"}
_SHAPE: Json = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
_NAMED = {"name": _TEXT}

_INFER = """\
Predictions for tensors. All features are in one tensor `input` of shape [rows, features], or each
feature is in a tensor with its name; the metadata of the model lists them.

The Content-Type of the request is ignored. If binary data follow the JSON, the header
Inference-Header-Content-Length is the length of the JSON in bytes."""


def inference_protocol_paths(
    models: ModelRegistry, version: str, examples: PredictionExamples
) -> Json:
    """Return the paths of the protocol.

    Args:
        models: The models in service.
        version: Version of the service.
        examples: Examples for the default model.
    """
    thresholds = threshold_parameters(model.current for model in models.by_name.values())
    name_, version_ = name_parameter(models), version_parameter(models)
    name = models.default.predictor.name
    paths: Json = {
        "/v2": {
            "get": _operation(
                "server_metadata",
                "Get the metadata of the server",
                "Name, version and protocol extensions of the server.",
                _ref("Server"),
                server_metadata(version),
            )
        },
        "/v2/health/live": {
            "get": _operation(
                "server_live",
                "Check that the server is live",
                "200 while the process answers.",
                object_of({"live": _BOOLEAN}),
                {"live": True},
            )
        },
        "/v2/health/ready": {
            "get": _operation(
                "server_ready",
                "Check that the server is ready",
                "200 while all models reproduce their self-test predictions and the service is not "
                "shutting down.",
                object_of({"ready": _BOOLEAN}),
                {"ready": True},
                503,
            )
        },
        "/v2/repository/index": {"post": _index(models)},
    }
    for path, suffix, which, parameters in (
        ("/v2/models/{name}", "", "a model", [name_]),
        (
            "/v2/models/{name}/versions/{version}",
            "_version",
            "a version of a model",
            [name_, version_],
        ),
    ):
        metadata = _operation(
            f"model{suffix}_metadata",
            f"Get the metadata of {which}",
            "Versions, input and output tensors and operating points.",
            _ref("Model"),
            model_metadata(models, models.default),
            404,
        )
        ready = _operation(
            f"model{suffix}_ready",
            f"Check that {which} is ready",
            "200 while the model reproduces its self-test predictions and the service is not "
            "shutting down.",
            object_of({"name": _TEXT, "ready": _BOOLEAN}),
            {"name": name, "ready": True},
            404,
            503,
        )
        infer = _infer(models, f"model{suffix}_infer", f"Infer with {which}", examples)
        paths[path] = {"get": metadata | {"parameters": parameters}}
        paths[f"{path}/ready"] = {"get": ready | {"parameters": parameters}}
        paths[f"{path}/infer"] = {"post": infer | {"parameters": [*parameters, *thresholds]}}
    return paths


def inference_protocol_schemas(models: ModelRegistry) -> Json:
    """Return the schemas that `inference_protocol_paths` refer to."""
    versions = [model.current for model in models.by_name.values()]
    points = {name: None for each in versions for name in each.predictor.operating_points}
    tensor = {**_NAMED, "datatype": _TEXT, "shape": {"type": "array", "items": {"type": "integer"}}}
    metadata_tensors = {"type": "array", "items": object_of(tensor | {"parameters": _PARAMETERS})}
    data: Json = {
        "type": ["array", "null"],
        "description": "Values in row-major order, flat or nested as in the shape.",
    }
    request_input = object_of(
        {
            **_NAMED,
            "datatype": {"type": "string", "enum": list(DATATYPES)},
            "shape": _SHAPE,
        }
    )
    request_input["properties"] |= {
        "data": data,
        "parameters": _optional({"binary_data_size": {"type": ["integer", "null"], "minimum": 0}}),
    }
    outputs = {name: None for each in versions for name in each.output_tensors.by_name}
    request_output = object_of(
        {
            "name": {"type": "string", "enum": list(outputs)},
            "parameters": _optional({"binary_data": _BOOLEAN}),
        },
        optional="parameters",
    )
    threshold = {
        "description": "Decision threshold: a number from 0 to 1, or the name of an operating "
        "point.",
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "enum": list(points)},
        ],
    }
    request = object_of({"inputs": {"type": "array", "minItems": 1, "items": request_input}})
    request["properties"] |= {
        "id": {
            "type": ["string", "null"],
            "description": f"Repeated in the answer if it has at most {MAX_ID_CHARACTERS} "
            "characters, all of them printable.",
        },
        "parameters": _optional({"binary_data_output": _BOOLEAN, "threshold": threshold}),
        "outputs": {"type": ["array", "null"], "items": request_output},
    }
    response_output = object_of(tensor)
    response_output["properties"] |= {"data": {"type": "array"}, "parameters": _PARAMETERS}
    index_entry = object_of({**_NAMED, "version": _TEXT, "state": _TEXT, "reason": _TEXT})
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
                "inputs": metadata_tensors,
                "outputs": metadata_tensors,
                "parameters": _PARAMETERS,
            }
        ),
        "Index": {"type": "array", "items": index_entry},
        "InferRequest": request,
        "InferAnswer": object_of(
            {
                "model_name": _TEXT,
                "model_version": _TEXT,
                "id": _TEXT,
                "parameters": _PARAMETERS,
                "outputs": {"type": "array", "items": response_output},
            },
            optional="id",
        ),
    }
    return {f"v2.{name}": schema for name, schema in schemas.items()}


def _ref(name: str) -> Json:
    return reference(f"v2.{name}")


def _optional(properties: Json) -> Json:
    """Return the schema of an object, or null, whose properties are all optional."""
    return {"type": ["object", "null"], "properties": properties}


def _operation(
    operation_id: str, summary: str, description: str, schema: Json, answer: Any, *errors: int
) -> Json:
    return {
        "summary": summary,
        "description": description,
        "operationId": f"v2_{operation_id}",
        "tags": [INFERENCE_PROTOCOL],
        "responses": {
            "200": {
                "description": "OK",
                "content": {JSON: {"schema": schema, "example": answer}},
            },
            **{
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    "content": {JSON: {"schema": _ref("Error")}},
                }
                for status in errors
            },
        },
    }


def _index(models: ModelRegistry) -> Json:
    versions = [
        version.predictor for model in models.by_name.values() for version in model.versions
    ]
    # Not from `repository_index`, which replays the self-test rows of every version.
    ready = [
        {"name": each.name, "version": each.version, "state": "READY", "reason": ""}
        for each in versions
    ]
    operation = _operation(
        "repository_index",
        "List the versions of all models",
        "Name, version and state of every version of every model. The body "
        '`{"ready": true}` selects those that are ready.',
        _ref("Index"),
        ready,
        400,
        413,
        415,
        503,
    )
    schema = object_of({"ready": _BOOLEAN}, optional="ready")
    content = {JSON: {"schema": schema, "example": {"ready": True}}}
    return operation | {"requestBody": {"required": False, "content": content}}


def _infer(
    models: ModelRegistry, operation_id: str, summary: str, examples: PredictionExamples
) -> Json:
    (tensor,) = model_metadata(models, models.default)["inputs"]
    tensor = {name: tensor[name] for name in ("name", "datatype")}
    statuses = (400, 404, 413, 415, 503)
    operation = _operation(operation_id, summary, _INFER, _ref("InferAnswer"), None, *statuses)
    operation["responses"]["200"]["content"] = {
        JSON: {
            "schema": _ref("InferAnswer"),
            "examples": examples.tensor_responses(tensor),
        },
        "application/octet-stream": {"schema": BINARY},
    }
    body = {"schema": _ref("InferRequest"), "examples": examples.tensor_requests(tensor)}
    return operation | {"requestBody": {"required": True, "content": {JSON: body}}}
