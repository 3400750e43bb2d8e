"""/v1/models/…: protocol V1 of KServe, which continues the REST API of TensorFlow Serving.

Source:
    https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
    https://www.tensorflow.org/tfx/serving/api_rest
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.dependencies import Dependencies
from service.registry.model_version import ModelVersion
from service.routes.mlflow import InvocationsEndpoint
from service.routes.snapshot import json_response

MODEL_PATHS = ("/v1/models/{name}", "/v1/models/{name}/versions/{version}")
PREDICT_PATHS = tuple(f"{path}:predict" for path in MODEL_PATHS)


def kserve_predict_routes(dependencies: Dependencies) -> list[Route]:
    """Return the routes that predict."""
    return [
        Route(path, InvocationsEndpoint(dependencies, path), methods=["POST"])
        for path in PREDICT_PATHS
    ]


def kserve_model_routes(dependencies: Dependencies) -> list[Route]:
    """Return the routes of the list of models and of their readiness."""
    models, lifecycle = dependencies.models, dependencies.lifecycle

    async def names(_: Request) -> Response:
        return json_response({"models": list(models.by_name)})

    async def model_ready(request: Request) -> Response:
        model_version = models.find(**request.path_params)
        lifecycle.require_serving()
        model_version.require_ready()
        return json_response(_state(model_version))

    return [
        Route("/v1/models", names, methods=["GET"]),
        *(Route(path, model_ready, methods=["GET"]) for path in MODEL_PATHS),
    ]


def _state(model_version: ModelVersion) -> dict[str, Any]:
    """Return the state of a ready version, for KServe's and TensorFlow Serving's clients."""
    predictor = model_version.predictor
    status = {"error_code": "OK", "error_message": ""}
    version = {"version": predictor.version, "state": "AVAILABLE", "status": status}
    return {"name": predictor.name, "ready": True, "model_version_status": [version]}
