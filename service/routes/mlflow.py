"""POST /invocations, GET /ping and /version: MLflow's scoring protocol, for the default model.

Clients of an MLflow scoring server work without changes.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import JSON, UPLOAD, negotiate
from service.dependencies import Dependencies
from service.inference.answer import send_answer
from service.inference.execution import is_short, max_json_rows, run_work
from service.inference.mlflow import predict_mlflow
from service.inference.request_body import read_body
from service.inference.subject import take_subject
from service.inference.tables import predict_table
from service.inference.upload import open_upload
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import MLFLOW
from service.problems import Problem
from service.request_context import request_context

PATH = "/invocations"


def invocations_routes(dependencies: Dependencies) -> list[Route]:
    """Return the route that predicts."""
    return [Route(PATH, InvocationsEndpoint(dependencies, PATH), methods=["POST"])]


def scoring_server_router(dependencies: Dependencies) -> APIRouter:
    """Return the routes by which MLflow's clients check the server."""
    router = APIRouter(tags=[MLFLOW])

    @router.get(
        "/ping",
        summary="Check that the service is ready for MLflow clients",
        response_class=PlainTextResponse,
        responses=problem_responses(503),
    )
    async def ping(_: Request) -> Response:
        """Title of the default model, while the service is not shutting down."""
        dependencies.lifecycle.require_serving()
        return PlainTextResponse(f"{dependencies.models.default.title}\n")

    @router.get(
        "/version", summary="Get the version of the service", response_class=PlainTextResponse
    )
    async def service_version(_: Request) -> Response:
        """Version of the service, as in this document."""
        return PlainTextResponse(dependencies.version)

    return router


class InvocationsEndpoint:
    """ASGI endpoint for JSON in MLflow's forms, or a table as in /predict; answers JSON by default.

    Args:
        dependencies: Models, settings, and threads for large bodies.
        route: Path template, for metrics and log lines.
    """

    def __init__(self, dependencies: Dependencies, route: str) -> None:
        self._dependencies, self._route = dependencies, route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request.

        Raises:
            Problem: 400, 404, 406, 413, 415, 422, 503 or 507.
        """
        dependencies = self._dependencies
        request_context.get().route = self._route
        scope = take_subject(scope, dependencies.store)
        model_version = dependencies.models.find_to_predict(
            request_context.get(), **scope.get("path_params", {})
        )
        media_types = negotiate(scope["headers"], JSON)
        if media_types is UPLOAD:
            limit = dependencies.settings.max_stream_bytes
            await self(*await open_upload(scope, receive, limit), send)
            return
        if media_types.request != JSON:
            await predict_table(model_version, media_types, dependencies, scope, receive, send)
            return
        if media_types.response != JSON:
            raise Problem(406, f"The answer is {JSON}, which the Accept header excludes.")
        threshold, _ = model_version.thresholds.parse_table_query(scope["query_string"])
        limiter = dependencies.limiter
        body = await read_body(scope, receive, dependencies.settings.max_body_bytes)
        if body is not None:
            features = len(model_version.predictor.schema.features)
            short = is_short(body, features, max_json_rows)
            work = partial(predict_mlflow, model_version, body, threshold)
            answer = await run_work(limiter, short, work)
            del body, work
            await send_answer(answer, model_version, send)
