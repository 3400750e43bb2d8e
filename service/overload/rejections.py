"""503 for little: what an overloaded process answers, without looking closely at the question."""

from collections.abc import Sequence
from itertools import count
from secrets import token_hex
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.overload.limiter import service_unavailable
from service.problems import INFERENCE_PROTOCOL
from service.request_context import RequestContext, request_context

INFERENCE_PREFIX: Final = INFERENCE_PROTOCOL.encode() + b"/"

Headers = Sequence[tuple[bytes, bytes]]


class RejectionWriter:
    """Answers to requests that are not begun, each with an id of its own."""

    def __init__(self) -> None:
        self._prefix = token_hex(8).encode()
        self._numbers = count()
        self._headers: Headers | None = None
        self._problem = self._error = b""
        self._urls: list[bytes] = []
        self._skim()

    def answer(self, url: bytes, headers: Headers) -> bytes:
        """One, for a request of this target; headers: those of every answer."""
        if headers is not self._headers:
            self._headers = headers
            self._problem = _template(headers, "/")
            self._error = _template(headers, INFERENCE_PROTOCOL)
        identity = b"%b%016x" % (self._prefix, next(self._numbers))
        template = self._error if url.startswith(INFERENCE_PREFIX) else self._problem
        return template % {b"id": identity}

    def answers(self, data: bytes, headers: Headers) -> list[bytes] | None:
        """The answers to all of the requests in these bytes; None unless they are whole POSTs after
        which the connection stays.
        """
        if not data.startswith(b"POST "):
            return None
        try:
            self._parser.feed_data(data)
            urls, self._urls = self._urls, []
            if self._ended == self._begun:
                return [self.answer(url, headers) for url in urls]
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            pass
        self._skim()
        return None

    def _skim(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._begun = self._ended = 0
        self._urls = []

    # What the parser calls; it builds nothing for what is not here

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self._begun += 1

    def on_url(self, url: bytes) -> None:
        """Its target."""
        if self._parser.get_method() != b"POST":
            raise ValueError
        self._urls.append(url)

    def on_message_complete(self) -> None:
        """Its last byte."""
        if not self._parser.should_keep_alive():
            raise ValueError
        self._ended += 1


def _template(headers: Headers, path: str) -> bytes:
    """The answer, without its request's id, which is %(id)b."""
    placeholder = "-" * 32
    token = request_context.set(RequestContext(placeholder))
    response = service_unavailable(
        "The service has more to do than it can; try again soon."
    ).answer({"path": path})
    request_context.reset(token)
    lines = b"".join(b"%b: %b\r\n" % header for header in (*headers, *response.raw_headers))
    head = b"%bx-request-id: %%(id)b\r\n\r\n" % (STATUS_LINE[response.status_code] + lines)
    return head + bytes(response.body).replace(placeholder.encode(), b"%(id)b")
