"""GET endpoints that do not wait, such as those whose response was made less than a second ago."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from service.compression.accept_encoding import AcceptedCoding
from service.fast_path.recorder import Recorder
from service.observability.request_ids import new_request_id
from service.overload.memory import UNCHARGED_BYTES
from service.protocol.direct_requests import Responder
from service.request_context import RequestContext

Endpoint = Callable[[Request], Awaitable[Response]]


class EndpointHandler:
    """Answers GET and HEAD requests by calling the endpoint of a route.

    Args:
        recorder: Sends, counts and logs the responses.
        scope: The ASGI scope of the request.
        endpoint: The endpoint of its path.
        request_id: The id that the client has given; None to generate one for each request.
        accepted: The coding that the client accepts.
    """

    __slots__ = ("_accepted", "_endpoint", "_method", "_recorder", "_request_id", "_scope")

    def __init__(
        self,
        recorder: Recorder,
        scope: Scope,
        endpoint: Endpoint,
        request_id: bytes | None,
        accepted: AcceptedCoding,
    ) -> None:
        self._recorder, self._endpoint, self._request_id = recorder, endpoint, request_id
        self._accepted = accepted
        self._method = scope["method"]
        fields = {name: scope[name] for name in ("path", "raw_path", "query_string", "headers")}
        self._scope = {"type": "http", "method": "GET", **fields}

    def start(self, body: bytes, responder: Responder) -> bool:
        """Begin to answer a request (see `Handler`).

        Args:
            body: The whole body.
            responder: The connection.
        """
        if body:
            return False
        started_at = perf_counter()
        try:
            response = _result(self._endpoint(Request(self._scope)))
        except Exception:  # raised again, and reported, in the ASGI application
            return False
        if response is None or len(response.body) > UNCHARGED_BYTES:
            return False
        identity = self._request_id or new_request_id()
        request = RequestContext(identity.decode(), self._scope["path"])
        self._recorder.telemetry.started()
        self._recorder.send(responder, request, self._method, response, self._accepted, started_at)
        return True


def _result(awaitable: Awaitable[Response]) -> Response | None:
    """Return the result of a coroutine that does not wait; None if it would wait."""
    coroutine = cast(Coroutine[Any, Any, Response], awaitable)
    try:
        awaited = coroutine.send(None)
    except StopIteration as finished:
        return cast(Response, finished.value)
    if isinstance(awaited, asyncio.Future):
        awaited.cancel()  # only this coroutine awaits it (see `Snapshot.get`)
    coroutine.close()
    return None
