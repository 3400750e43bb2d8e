"""MLflow's scoring dialect: POST /invocations, GET /ping and /version, of the default model.

A client of an MLflow scoring server may be pointed at this service as it is. The dialect:
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import JSON, negotiate
from service.inference.mlflow import answer_invocation
from service.inference.request_body import read_body
from service.inference.tables import answer_table
from service.lifecycle import Stop
from service.overload.limiter import Capacity
from service.problems import Problem
from service.registry.registry import Models
from service.request_context import current_request
from service.settings import Settings

PATH = "/invocations"


def invocations_routes(models: Models, settings: Settings, capacity: Capacity) -> list[BaseRoute]:
    """The route that predicts."""
    return [Route(PATH, Invocations(models, settings, capacity), methods=["POST"])]


def scoring_server_router(models: Models, version: str, stop: Stop) -> APIRouter:
    """The routes by which MLflow's clients see that a server is there."""
    router = APIRouter()

    @router.get("/ping", response_class=PlainTextResponse)
    async def ping() -> Response:
        """The service answers, with a model, and is not about to stop."""
        stop.require_not_begun()
        return PlainTextResponse(f"{models.default.title}\n")

    @router.get("/version", response_class=PlainTextResponse)
    async def service_version() -> Response:
        """The version of this service."""
        return PlainTextResponse(version)

    return router


class Invocations:
    """JSON in MLflow's forms, or a table as /predict takes it; JSON out."""

    def __init__(self, models: Models, settings: Settings, capacity: Capacity) -> None:
        self.models = models
        self.settings = settings
        self.capacity = capacity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raises Problem (400, 406, 413, 415, 422, 507)."""
        current_request.get().route = PATH
        served = self.models.find()
        exchange = negotiate(scope["headers"], JSON)
        if exchange.body != JSON:
            await answer_table(served, exchange, self.settings, self.capacity, scope, receive, send)
            return
        if exchange.answer != JSON:
            raise Problem(406, f"The answer is {JSON}, which the Accept header excludes.")
        threshold = served.thresholds.from_query(scope["query_string"])
        body = await read_body(scope, receive, self.settings.max_body_bytes, self.capacity)
        if body is not None:
            answered = await self.capacity.run(answer_invocation, served, body, threshold)
            await Response(answered, media_type=JSON)(scope, receive, send)
