"""What happens around every request: an id, a measure, a last-resort answer, and HEAD."""

import logging
import re
from os import urandom
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.observability.metrics import UNMATCHED, Telemetry
from service.overload.limiter import WorkLimiter
from service.problems import REFUSAL, Problem
from service.request_context import AccessLog, RequestContext, request_context
from service.security.api_keys import ApiKeyAuth

logger = logging.getLogger(__name__)


CLIENT_CLOSED_REQUEST = 499  # as the status of a request whose client left before there was one

# No answer is to be taken for a page or a script that it does not say it is.
NOSNIFF = (b"x-content-type-options", b"nosniff")

_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestMiddleware:
    """Takes X-Request-ID if it is a sane token, else makes one; puts it on every answer, and
    X-Content-Type-Options; measures the request. access: who may ask; without it everybody may.

    It catches what nothing else did, logs it, and answers 500. HEAD it answers as GET without the
    body, since FastAPI's routes take GET alone. All in one, since each middleware costs every
    request some microseconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        limiter: WorkLimiter,
        access: ApiKeyAuth | None = None,
        access_log: AccessLog | None = None,
    ) -> None:
        self.app = app
        self.telemetry = telemetry
        self.limiter = limiter
        self.access = access
        self.access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one ASGI request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = _request_id(scope)
        request = RequestContext(identity.decode())
        request_context.set(request)
        method = scope["method"]
        without_body = method == "HEAD"
        if without_body:
            scope = {**scope, "method": "GET"}
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    NOSNIFF,
                    (b"x-request-id", identity),
                ]
            elif without_body:
                message["body"] = b""
            await send(message)

        telemetry = self.telemetry
        telemetry.started()
        start = perf_counter()
        try:
            if REFUSAL in scope:
                raise scope[REFUSAL]
            if self.access is not None:
                self.access.require(scope)
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            if status:  # the answer is cut off; only the server can close the connection
                raise
            if not isinstance(error, Problem):
                logger.exception("unexpected error")
            problem = error if isinstance(error, Problem) else Problem(500)
            await problem.answer(scope)(scope, receive, send_with_id)
        finally:
            if request.held_bytes:
                self.limiter.release(request.held_bytes)
            seconds = perf_counter() - start
            if not request.route:
                request.route = _route_template(scope)
            telemetry.finished(request.route, status or CLIENT_CLOSED_REQUEST, seconds)
            if self.access_log is not None:
                self.access_log(request, method, status or CLIENT_CLOSED_REQUEST, seconds)


def _route_template(scope: Scope) -> str:
    """The path of the route that was matched, its parameters unfilled."""
    route = scope.get("route")  # of FastAPI's own routes
    if route is None and (endpoint := scope.get("endpoint")) is not None:
        routes = (each for each in scope["app"].routes if getattr(each, "endpoint", 0) is endpoint)
        route = next(routes, None)
    return getattr(route, "path", UNMATCHED)


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _VALID_ID.fullmatch(value):
            return bytes(value)
    return urandom(16).hex().encode()
