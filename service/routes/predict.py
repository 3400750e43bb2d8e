"""POST /predict and /models/…/predict, as a plain ASGI endpoint.

Most requests of the service are predictions. FastAPI's dependency injection and validation would
take longer than the prediction itself.
"""

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import JSON_TO_JSON, UPLOAD, negotiate
from service.dependencies import Dependencies
from service.inference.answer import send_answer
from service.inference.instances import answer_instances
from service.inference.request_body import read_body
from service.inference.subject import take_subject
from service.inference.tables import predict_table
from service.inference.upload import open_upload
from service.request_context import request_context

PATHS = ("/predict", "/models/{name}/predict", "/models/{name}/versions/{version}/predict")


def predict_routes(dependencies: Dependencies) -> list[Route]:
    """Return the routes that predict, the route of the default model first."""
    return [Route(path, PredictEndpoint(dependencies, path), methods=["POST"]) for path in PATHS]


class PredictEndpoint:
    """ASGI endpoint that predicts instances in JSON, or tables.

    Args:
        dependencies: Models, settings, and threads for large bodies.
        route: Path template, for metrics and log lines.
    """

    def __init__(self, dependencies: Dependencies, route: str) -> None:
        self._dependencies = dependencies
        self._route = route

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
        media_types = negotiate(scope["headers"])
        if media_types is UPLOAD:
            limit = dependencies.settings.max_stream_bytes
            await self(*await open_upload(scope, receive, limit), send)
            return
        if media_types != JSON_TO_JSON:
            await predict_table(model_version, media_types, dependencies, scope, receive, send)
            return
        threshold, _ = model_version.thresholds.parse_table_query(scope["query_string"])
        limiter = dependencies.limiter
        body = await read_body(scope, receive, dependencies.settings.max_body_bytes)
        if body is not None:
            answer = await answer_instances(model_version, body, threshold, limiter)
            del body
            await send_answer(answer, model_version, send)
