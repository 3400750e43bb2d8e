"""ASGI middleware of every request: request id, metrics, authorization, errors and HEAD."""

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.cors import CorsPolicy
from service.observability.metrics import UNMATCHED, Telemetry
from service.observability.request_ids import new_request_id
from service.overload.memory import MemoryLedger, memory_full, request_lease
from service.problems import Problem, rejection_of
from service.request_context import (
    AccessLog,
    RequestContext,
    given_request_id,
    request_context,
)
from service.security.api_keys import ApiKeyAuth

logger = logging.getLogger(__name__)

# The status, in metrics and log lines, of a request whose client disconnected before the response.
CLIENT_CLOSED_REQUEST = 499

# Browsers must not guess another media type than the response's own.
NOSNIFF = (b"x-content-type-options", b"nosniff")


class RequestMiddleware:
    """Request ids, security headers, authorization, metrics, errors and HEAD in one middleware.

    - A valid X-Request-ID is used, otherwise one is generated; every response has it.
    - Every response has X-Content-Type-Options.
    - An exception that no handler caught is logged and answered with 500, a MemoryError with 503.
    - Responses to scripts of other origins have CORS headers, errors too, where that is allowed.
    - HEAD is answered as GET without the body, since FastAPI's routes support only GET.

    It is one class because each middleware costs every request a few microseconds.

    Args:
        app: The ASGI application.
        telemetry: The metrics of requests.
        memory: The ledger in which each request has a lease, released at its end.
        access: The API keys; None to serve without keys.
        access_log: Called after each request; None for no access log.
        cors: The rules for scripts of other origins; None to allow none.
    """

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        memory: MemoryLedger,
        access: ApiKeyAuth | None = None,
        access_log: AccessLog | None = None,
        cors: CorsPolicy | None = None,
    ) -> None:
        self.app = app
        self.telemetry = telemetry
        self.memory = memory
        self.access = access
        self.access_log = access_log
        self.cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request; other scopes go on unchanged."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope.get("root_path"):
            scope = _without_root_path(scope)
        identity = given_request_id(scope) or new_request_id()
        client = scope.get("client")
        request = RequestContext(identity.decode(), client=client[0] if client else "")
        request_context.set(request)
        lease = self.memory.lease(arriving=True)
        request_lease.set(lease)
        method = scope["method"]
        without_body = method == "HEAD"
        if without_body:
            scope = {**scope, "method": "GET"}
        status = 0
        preflight = None
        if self.cors is not None and self.cors.is_cross_origin(scope):
            preflight = self.cors.preflight_response(scope)
            if preflight is None:
                send = self.cors.with_headers(scope, send)

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
            if rejection := rejection_of(scope):
                raise rejection
            if preflight is not None:  # a browser sends no key with it
                await preflight(scope, receive, send_with_id)
                return
            if self.access is not None:
                request.key = self.access.require(scope)
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            if status:  # the response has started; only the server can close the connection
                raise
            problem = _problem(error)
            if problem is not error:
                logger.exception(
                    "out_of_memory" if problem.status == 503 else "unhandled_exception"
                )
            await problem.response_for(scope)(scope, receive, send_with_id)
        finally:
            if lease.charged_bytes:
                lease.resize(0)
            seconds = perf_counter() - start
            if not request.route:
                request.route = _route_template(scope)
            telemetry.finished(
                request.route, status or CLIENT_CLOSED_REQUEST, seconds, request.model
            )
            if self.access_log is not None:
                self.access_log(request, method, status or CLIENT_CLOSED_REQUEST, seconds)


def _without_root_path(scope: Scope) -> Scope:
    """Return the scope of a request as the service's server makes it: without the path prefix.

    Other ASGI servers put the prefix into `root_path`, and begin the path with it or not.
    """
    root: str = scope["root_path"]
    path: str = scope["path"]
    raw_path: bytes = scope.get("raw_path") or path.encode()
    if f"{path}/".startswith(f"{root}/"):
        path = path[len(root) :] or "/"
        raw_path = raw_path[len(root.encode()) :]
    return {**scope, "root_path": "", "path": path, "raw_path": raw_path}


def _problem(error: Exception) -> Problem:
    """Return the response to an exception."""
    if isinstance(error, Problem):
        return error
    return memory_full() if isinstance(error, MemoryError) else Problem(500)


def _route_template(scope: Scope) -> str:
    """Return the path template of the matched route, `UNMATCHED` if there is none."""
    route = scope.get("route")  # set by FastAPI's own routes only
    if route is None and (endpoint := scope.get("endpoint")) is not None:
        routes = (each for each in scope["app"].routes if getattr(each, "endpoint", 0) is endpoint)
        route = next(routes, None)
    return getattr(route, "path", UNMATCHED)
