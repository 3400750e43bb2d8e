"""POST /explain and /models/…/explain: why a prediction is what it is, and how sure it is."""

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import JSON, negotiate
from service.dependencies import Dependencies
from service.inference.answer import send_answer
from service.inference.explain import answer_explain
from service.inference.explain_query import parse_explain_query
from service.inference.request_body import read_body
from service.problems import Problem
from service.request_context import request_context

ACCEPT = {"Accept": JSON}
PATHS = ("/explain", "/models/{name}/explain", "/models/{name}/versions/{version}/explain")


def explain_routes(dependencies: Dependencies) -> list[Route]:
    """Return the routes that explain, the route of the default model first."""
    return [Route(path, ExplainEndpoint(dependencies, path), methods=["POST"]) for path in PATHS]


class ExplainEndpoint:
    """ASGI endpoint that explains instances in JSON.

    Args:
        dependencies: Models, settings, and the threads that explain.
        route: Path template, for metrics and log lines.
    """

    def __init__(self, dependencies: Dependencies, route: str) -> None:
        self._dependencies = dependencies
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request.

        Raises:
            Problem: 400, 404, 406, 413, 415, 422 or 503.
        """
        dependencies = self._dependencies
        request_context.get().route = self._route
        model_version = dependencies.models.find(**scope.get("path_params", {}))
        media_types = negotiate(scope["headers"], JSON)
        if media_types.request != JSON:
            raise Problem(415, f"The media type of the body must be {JSON}.", headers=ACCEPT)
        if media_types.response != JSON:
            raise Problem(406, f"The media type of the answer is {JSON}.")
        query = parse_explain_query(model_version, scope["query_string"])
        body = await read_body(scope, receive, dependencies.settings.max_body_bytes)
        if body is None:
            return
        answer = await answer_explain(model_version, body, query, dependencies.limiter, receive)
        if answer is not None:
            await send_answer(answer, model_version, send)
