"""The response to a request that is answered directly: its head, its metrics and its log line."""

from time import perf_counter
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.compression.accept_encoding import AcceptedCoding
from service.compression.answers import MIN_BYTES, encode_whole
from service.middleware import NOSNIFF
from service.observability.metrics import Telemetry
from service.protocol.direct_requests import Headers, Responder
from service.request_context import AccessLog, RequestContext

JSON_HEADERS: Final = ((b"content-type", b"application/json"),)


class Recorder:
    """Sends responses, and counts and logs them as `RequestMiddleware` does.

    Args:
        telemetry: The metrics of requests.
        access_log: Called after each request; None for no access log.
    """

    def __init__(self, telemetry: Telemetry, access_log: AccessLog | None) -> None:
        self.telemetry, self._access_log = telemetry, access_log
        # The heads of this second's JSON responses with status 200, by the size of the body.
        self._default_headers: Headers = ()
        self._json_heads: dict[int, bytes] = {}

    def send_json(
        self,
        responder: Responder,
        request: RequestContext,
        body: bytes,
        accepted: AcceptedCoding,
        started_at: float,
    ) -> None:
        """Send a JSON body with status 200 as the response to a POST request.

        Args:
            responder: The connection.
            request: The context of the request.
            body: The body.
            accepted: The accepted coding.
            started_at: When the request began, on the performance counter.
        """
        if responder.default_headers is not self._default_headers:  # of another second
            self._default_headers, self._json_heads = responder.default_headers, {}
        size = len(body)
        head = self._json_heads.get(size)
        if head is None:
            length = b"content-length", b"%d" % size
            if size >= MIN_BYTES:
                response = Response(body)
                response.raw_headers = [*JSON_HEADERS, length]
                self.send(responder, request, "POST", response, accepted, started_at)
                return
            head = _head(200, (*self._default_headers, *JSON_HEADERS, length))
            self._json_heads[size] = head
        responder.respond(head + request.id.encode(), body)
        self._record(request, "POST", 200, started_at)

    def send(
        self,
        responder: Responder,
        request: RequestContext,
        method: str,
        response: Response,
        accepted: AcceptedCoding,
        started_at: float,
    ) -> None:
        """Send a complete response, compressed if it is large and the client accepts that.

        Args:
            responder: The connection.
            request: The context of the request.
            method: GET, HEAD or POST.
            response: The response.
            accepted: The accepted coding.
            started_at: When the request began, on the performance counter.
        """
        status, headers, body = response.status_code, response.raw_headers, bytes(response.body)
        if len(body) >= MIN_BYTES:
            headers = list(headers)  # of other requests, too
            body = encode_whole(status, MutableHeaders(raw=headers), body, accepted)
        head = _head(status, (*responder.default_headers, *headers)) + request.id.encode()
        responder.respond(head, b"" if method == "HEAD" else body)
        self._record(request, method, status, started_at)

    def _record(self, request: RequestContext, method: str, status: int, started_at: float) -> None:
        seconds = perf_counter() - started_at
        self.telemetry.finished(request.route, status, seconds, request.model)
        if self._access_log is not None:
            self._access_log(request, method, status, seconds)


def _head(status: int, headers: Headers) -> bytes:
    """Return the head of a response, up to the request id, which is its last header."""
    lines = b"".join([b"%b: %b\r\n" % header for header in (*headers, NOSNIFF)])
    return b"%b%bx-request-id: " % (STATUS_LINE[status], lines)
