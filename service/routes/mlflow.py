"""POST /invocations, GET /ping and /version: MLflow's scoring protocol, for the default model.

Clients of an MLflow scoring server work without changes.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import JSON, negotiate
from service.inference.mlflow import predict_mlflow
from service.inference.request_body import read_body
from service.inference.tables import predict_table
from service.lifecycle import Lifecycle
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import MLFLOW
from service.overload.limiter import WorkLimiter
from service.problems import Problem
from service.registry.registry import ModelRegistry
from service.request_context import request_context
from service.settings import Settings

PATH = "/invocations"


def invocations_routes(
    models: ModelRegistry, settings: Settings, limiter: WorkLimiter
) -> list[BaseRoute]:
    """Return the route that predicts.

    Args:
        models: The models in service.
        settings: Limits of bodies.
        limiter: Threads and memory for large bodies.
    """
    return [Route(PATH, InvocationsEndpoint(models, settings, limiter), methods=["POST"])]


def scoring_server_router(models: ModelRegistry, version: str, lifecycle: Lifecycle) -> APIRouter:
    """Return the routes by which MLflow's clients check the server.

    Args:
        models: The models in service.
        version: Version of the service.
        lifecycle: Phase of this process.
    """
    router = APIRouter(tags=[MLFLOW])

    @router.get(
        "/ping",
        summary="Check that the service is ready for MLflow clients",
        response_class=PlainTextResponse,
        responses=problem_responses(503),
    )
    async def ping() -> Response:
        """Title of the default model, while the service is not shutting down."""
        lifecycle.require_serving()
        return PlainTextResponse(f"{models.default.title}\n")

    @router.get(
        "/version", summary="Get the version of the service", response_class=PlainTextResponse
    )
    async def service_version() -> Response:
        """Version of the service, as in this document."""
        return PlainTextResponse(version)

    return router


class InvocationsEndpoint:
    """ASGI endpoint for JSON in MLflow's forms, or a table as in /predict; answers JSON by default.

    Args:
        models: The models in service.
        settings: Limits of bodies.
        limiter: Threads and memory for large bodies.
    """

    def __init__(self, models: ModelRegistry, settings: Settings, limiter: WorkLimiter) -> None:
        self.models = models
        self.settings = settings
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request.

        Raises:
            Problem: 400, 406, 413, 415, 422, 503 or 507.
        """
        request_context.get().route = PATH
        model_version = self.models.find()
        media_types = negotiate(scope["headers"], JSON)
        if media_types.request != JSON:
            await predict_table(
                model_version, media_types, self.settings, self.limiter, scope, receive, send
            )
            return
        if media_types.response != JSON:
            raise Problem(406, f"The answer is {JSON}, which the Accept header excludes.")
        threshold = model_version.thresholds.from_query(scope["query_string"])
        body = await read_body(scope, receive, self.settings.max_body_bytes, self.limiter)
        if body is not None:
            answer = await self.limiter.run(predict_mlflow, model_version, body, threshold)
            await Response(answer, media_type=JSON)(scope, receive, send)
