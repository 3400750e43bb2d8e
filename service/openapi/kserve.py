"""OpenAPI paths of protocol V1 of KServe."""

from collections.abc import Mapping
from typing import Any

from service.codecs.negotiation import JSON
from service.openapi.examples import PredictionExamples
from service.openapi.invocations import invocation_requests, invocation_responses
from service.openapi.parameters import (
    ON_ERROR_PARAMETER,
    SUBJECT_PARAMETER,
    name_parameter,
    threshold_parameters,
    version_parameter,
)
from service.openapi.problem_responses import inference_errors
from service.openapi.schemas.json_schema import Json, array_of, object_of, reference
from service.openapi.schemas.open_inference import v2_reference
from service.openapi.tags import KSERVE
from service.registry.registry import ModelRegistry

_TEXT: Json = {"type": "string"}
_READY = """\
200 while the model reproduces its self-test predictions and the service is not shutting down."""
_PREDICT = """\
Predictions for `instances`, or for `inputs` as rows or columns; the other forms of /invocations and
tables are accepted too. Clients of TensorFlow Serving send the same."""


def kserve_paths(
    models: ModelRegistry, prefixes: Mapping[str, str], examples: PredictionExamples
) -> Json:
    """Return the paths of the protocol.

    Args:
        models: The models in service.
        prefixes: Prefix of the names of each model's schemas, by model; the default model first.
        examples: Examples for the default model.
    """
    name, version = name_parameter(models), version_parameter(models)
    thresholds = threshold_parameters(model.current for model in models.by_name.values())
    predictor = models.default.predictor
    state: Json = {"version": predictor.version, "state": "AVAILABLE"}
    state |= {"status": {"error_code": "OK", "error_message": ""}}
    ready = {"name": predictor.name, "ready": True, "model_version_status": [state]}
    names = {"models": list(models.by_name)}
    paths: Json = {
        "/v1/models": {
            "get": _operation(
                "v1_models",
                "List the names of the models",
                "Names of all models, the default model first.",
                {JSON: {"schema": v2_reference("ModelNames"), "example": names}},
            )
        }
    }
    for path, suffix, which, parameters in (
        ("/v1/models/{name}", "", "a model", [name]),
        ("/v1/models/{name}/versions/{version}", "_version", "a version", [name, version]),
    ):
        operation = _operation(
            f"v1_model{suffix}_ready",
            f"Check that {which} is ready",
            _READY,
            {JSON: {"schema": reference("v1.ModelReady"), "example": ready}},
            404,
            503,
        )
        paths[path] = {"get": operation | {"parameters": parameters}}
        operation = _operation(
            f"v1_model{suffix}_predict",
            f"Predict with {which} for KServe clients",
            _PREDICT,
            invocation_responses(examples, prefixes.values()),
            *(400, 404, 406, 413, 415, 503, 507),
        )
        content = invocation_requests(examples, prefixes.values())
        operation["requestBody"] = {"required": True, "content": content}
        operation["parameters"] = [*parameters, *thresholds, ON_ERROR_PARAMETER, SUBJECT_PARAMETER]
        paths[f"{path}:predict"] = {"post": operation}
    return paths


def kserve_schemas() -> Json:
    """Return the schemas that `kserve_paths` refer to, beside those of other paths, by name."""
    status = object_of({"error_code": _TEXT, "error_message": _TEXT})
    version = object_of({"version": _TEXT, "state": _TEXT, "status": status})
    ready = {
        "name": _TEXT,
        "ready": {"type": "boolean"},
        "model_version_status": array_of(version),
    }
    return {"v1.ModelReady": object_of(ready)}


def _operation(
    operation_id: str, summary: str, description: str, content: Any, *errors: int
) -> Json:
    return {
        "summary": summary,
        "description": description,
        "operationId": operation_id,
        "tags": [KSERVE],
        "responses": {
            "200": {"description": "OK", "content": content},
            **inference_errors(*errors),
        },
    }
