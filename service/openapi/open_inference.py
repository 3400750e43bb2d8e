"""OpenAPI paths of the Open Inference Protocol."""

from typing import Any

from service.codecs.negotiation import JSON
from service.inference.open_inference_metadata import model_metadata, server_metadata
from service.openapi.examples import PredictionExamples
from service.openapi.parameters import (
    SUBJECT_PARAMETER,
    name_parameter,
    threshold_parameters,
    version_parameter,
)
from service.openapi.problem_responses import inference_errors
from service.openapi.schemas.json_schema import Json
from service.openapi.schemas.open_inference import v2_reference
from service.openapi.tabular import BINARY
from service.openapi.tags import INFERENCE_PROTOCOL
from service.registry.registry import ModelRegistry

OCTET_STREAM = "application/octet-stream"
_LENGTH: Json = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "required": False,
    "description": "Bytes of the body that are JSON, if binary data follow them.",
    "schema": {"type": "integer", "minimum": 0},
}
_LENGTH_OF_ANSWER: Json = {
    "description": "Bytes of the answer that are JSON, if binary data follow them.",
    "schema": {"type": "integer", "minimum": 0},
}
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
            "get": inference_operation(
                "server_metadata",
                "Get the metadata of the server",
                "Name, version and protocol extensions of the server.",
                v2_reference("Server"),
                server_metadata(version),
            )
        },
        "/v2/health/live": {
            "get": inference_operation(
                "server_live",
                "Check that the server is live",
                "200 while the process answers.",
                v2_reference("Live"),
                {"live": True},
            )
        },
        "/v2/health/ready": {
            "get": inference_operation(
                "server_ready",
                "Check that the server is ready",
                "200 while all models reproduce their self-test predictions and the service is not "
                "shutting down.",
                v2_reference("Ready"),
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
        metadata = inference_operation(
            f"model{suffix}_metadata",
            f"Get the metadata of {which}",
            "Versions, input and output tensors and operating points.",
            v2_reference("Model"),
            model_metadata(models, models.default),
            404,
        )
        ready = inference_operation(
            f"model{suffix}_ready",
            f"Check that {which} is ready",
            "200 while the model reproduces its self-test predictions and the service is not "
            "shutting down.",
            v2_reference("ModelReady"),
            {"name": name, "ready": True},
            404,
            503,
        )
        infer = _infer(models, f"model{suffix}_infer", f"Infer with {which}", examples)
        paths[path] = {"get": metadata | {"parameters": parameters}}
        paths[f"{path}/ready"] = {"get": ready | {"parameters": parameters}}
        paths[f"{path}/infer"] = {
            "post": infer | {"parameters": [*parameters, *thresholds, SUBJECT_PARAMETER, _LENGTH]}
        }
    return paths


def inference_operation(
    operation_id: str, summary: str, description: str, schema: Json, answer: Any, *errors: int
) -> Json:
    """Return an Operation Object with an answer in JSON.

    Args:
        operation_id: Id, without the prefix `v2_`.
        summary: Short description.
        description: Description.
        schema: Schema of the answer.
        answer: Example of the answer.
        errors: Statuses of errors.
    """
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
            **inference_errors(*errors),
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
    operation = inference_operation(
        "repository_index",
        "List the versions of all models",
        "Name, version and state of every version of every model. The body "
        '`{"ready": true}` selects those that are ready.',
        v2_reference("Index"),
        ready,
        400,
        413,
        415,
        503,
    )
    content = {JSON: {"schema": v2_reference("IndexRequest"), "example": {"ready": True}}}
    return operation | {"requestBody": {"required": False, "content": content}}


def _infer(
    models: ModelRegistry, operation_id: str, summary: str, examples: PredictionExamples
) -> Json:
    (tensor,) = model_metadata(models, models.default)["inputs"]
    tensor = {name: tensor[name] for name in ("name", "datatype")}
    statuses = (400, 404, 413, 415, 503)
    answer = v2_reference("InferAnswer")
    operation = inference_operation(operation_id, summary, _INFER, answer, None, *statuses)
    operation["responses"]["200"]["headers"] = {_LENGTH["name"]: _LENGTH_OF_ANSWER}
    operation["responses"]["200"]["content"] = {
        JSON: {
            "schema": answer,
            "examples": examples.tensor_responses(tensor),
        },
        OCTET_STREAM: {"schema": BINARY},
    }
    body = {"schema": v2_reference("InferRequest"), "examples": examples.tensor_requests(tensor)}
    content = {JSON: body, OCTET_STREAM: {"schema": BINARY}}
    return operation | {"requestBody": {"required": True, "content": content}}
