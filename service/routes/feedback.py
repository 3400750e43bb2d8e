"""POST /feedback, DELETE /predictions/{id} and /subjects/{subject}: truth, and erasure."""

from collections.abc import Callable
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.codecs.charge import Charge
from service.codecs.feedback import MEDIA_TYPES, Feedback, read_feedback
from service.codecs.json.limits import JsonLimits
from service.codecs.negotiation import JSON, negotiate
from service.dependencies import Dependencies
from service.inference.execution import run_work
from service.inference.feedback import (
    FeedbackAnswer,
    answer_feedback,
    erase_prediction,
    erase_subject,
    require_store,
)
from service.inference.request_body import read_body
from service.inference.subject import read_subject
from service.problems import FieldError, Problem
from service.request_context import request_context
from service.routes.snapshot import json_response

FEEDBACK_PATH: Final = "/feedback"
PREDICTION_PATH: Final = "/predictions/{id}"
SUBJECT_PATH: Final = "/subjects/{subject}"
SUBJECTS: Final = b"/subjects/"
_ROW_BYTES: Final = 1000  # memory of a row of a table while it is recorded
_LIMITS: Final = JsonLimits(values=1_000_000, containers=100_000, objects=30_000)


def feedback_routes(dependencies: Dependencies) -> list[Route]:
    """Return the routes of ground truth and of erasure."""
    store = dependencies.store

    async def prediction(request: Request) -> Response:
        request_context.get().route = PREDICTION_PATH
        some = require_store(store, keeps_predictions=False)
        _require_no_query(request.scope)
        name = request.path_params["id"]
        return await _erased(dependencies, lambda _: erase_prediction(some, name))

    async def subject(request: Request) -> Response:
        request_context.get().route = SUBJECT_PATH
        some = require_store(store, keeps_predictions=False)
        _require_no_query(request.scope)
        name = read_subject(_last_segment(request.scope), is_query=False)
        return await _erased(dependencies, lambda _: erase_subject(some, name))

    return [
        Route(FEEDBACK_PATH, FeedbackEndpoint(dependencies), methods=["POST"]),
        Route(PREDICTION_PATH, prediction, methods=["DELETE"]),
        # A subject may have slashes, encoded or not.
        Route("/subjects/{subject:path}", subject, methods=["DELETE"]),
    ]


class FeedbackEndpoint:
    """ASGI endpoint that records ground truth in JSON, CSV or NDJSON.

    Args:
        dependencies: The store, the threads, settings and metrics.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request.

        Raises:
            Problem: 400, 404, 406, 410, 413, 415, 422 or 503.
        """
        dependencies = self._dependencies
        request = request_context.get()
        request.route = FEEDBACK_PATH
        store = require_store(dependencies.store)
        types = negotiate(scope["headers"], JSON)
        if types.request not in MEDIA_TYPES:
            rule = f"The media type of the body must be one of {', '.join(MEDIA_TYPES)}."
            raise Problem(415, rule, headers={"Accept": ", ".join(MEDIA_TYPES)})
        if types.response != JSON:
            raise Problem(406, f"The answer is {JSON}, which the Accept header excludes.")
        _require_no_query(scope)
        body = await read_body(scope, receive, dependencies.settings.max_body_bytes)
        if body is None:
            return
        read = partial(read_feedback, types.request, body, has_header=types.has_header)

        def work(charge: Charge) -> FeedbackAnswer:
            if types.request == JSON:
                charge(_LIMITS.require(body))
            feedback: Feedback = read()
            charge(_ROW_BYTES * len(feedback.rows))
            return answer_feedback(store, feedback, request.key or None)

        answer = await run_work(dependencies.limiter, False, work)
        for (predicted, truth), count in answer.counts.items():
            dependencies.telemetry.feedback(predicted, truth, count)
        await json_response(answer.content)(scope, receive, send)


async def _erased(dependencies: Dependencies, work: Callable[[Charge], dict[str, int]]) -> Response:
    return json_response(await run_work(dependencies.limiter, False, work))


def _last_segment(scope: Scope) -> bytes:
    """Return the percent-encoded subject of a path; a slash at its end has no meaning."""
    raw_path: bytes = scope["raw_path"]
    return raw_path.partition(b"?")[0].removeprefix(SUBJECTS).removesuffix(b"/")


def _require_no_query(scope: Scope) -> None:
    if scope["query_string"]:
        raise Problem.invalid([FieldError(field="query", rule="must be empty")])
