"""MLflow's scoring dialect: POST /invocations, GET /ping and /version, of the default model.

A client of an MLflow scoring server may be pointed at this service as it is. The dialect:
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
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
from service.overload.limiter import WorkLimiter
from service.problems import Problem
from service.registry.registry import ModelRegistry
from service.request_context import request_context
from service.settings import Settings

PATH = "/invocations"


def invocations_routes(
    models: ModelRegistry, settings: Settings, limiter: WorkLimiter
) -> list[BaseRoute]:
    """The route that predicts."""
    return [Route(PATH, InvocationsEndpoint(models, settings, limiter), methods=["POST"])]


def scoring_server_router(models: ModelRegistry, version: str, lifecycle: Lifecycle) -> APIRouter:
    """The routes by which MLflow's clients see that a server is there."""
    router = APIRouter()

    @router.get("/ping", response_class=PlainTextResponse)
    async def ping() -> Response:
        """The service answers, with a model, and is not about to stop."""
        lifecycle.require_serving()
        return PlainTextResponse(f"{models.default.title}\n")

    @router.get("/version", response_class=PlainTextResponse)
    async def service_version() -> Response:
        """The version of this service."""
        return PlainTextResponse(version)

    return router


class InvocationsEndpoint:
    """JSON in MLflow's forms, or a table as /predict takes it; JSON out."""

    def __init__(self, models: ModelRegistry, settings: Settings, limiter: WorkLimiter) -> None:
        self.models = models
        self.settings = settings
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raises Problem (400, 406, 413, 415, 422, 507)."""
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
            answered = await self.limiter.run(predict_mlflow, model_version, body, threshold)
            await Response(answered, media_type=JSON)(scope, receive, send)
