"""Cheap 503 responses of an overloaded process, from templates and a minimal parser."""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import count
from secrets import token_hex
from typing import Final

import httptools

from service.problems import INFERENCE_PROTOCOLS, RETRY_SECONDS, service_unavailable
from service.request_context import RequestContext, request_context

_END, _CLOSE_END = b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"
INFERENCE_PREFIXES: Final = tuple(f"{path}/".encode() for path in INFERENCE_PROTOCOLS)

Headers = Sequence[tuple[bytes, bytes]]


class RejectionWriter:
    """Writes responses to requests that are not started, each with its own request id.

    Args:
        root_path: Path prefix of the service, which targets may have.
    """

    def __init__(self, root_path: bytes = b"") -> None:
        under_root = (root_path + prefix for prefix in INFERENCE_PREFIXES)
        self._inference_prefixes = (*INFERENCE_PREFIXES, *under_root)
        self._prefix = token_hex(8).encode()
        self._numbers = count()
        self._headers: Headers | None = None
        self._problem = self._error = b""
        self._urls: list[bytes] = []
        self._reset_parser()

    def write(self, url: bytes, headers: Headers, *, closes: bool = False) -> bytes:
        """Return one response.

        Args:
            url: The target of the request, which decides between a problem document and an error
                of an inference protocol.
            headers: The default headers of every response; the templates are built again when
                this is another object than in the last call.
            closes: Whether the connection closes after the response.
        """
        if headers is not self._headers:
            self._headers = headers
            self._problem = _template(headers, "/")
            self._error = _template(headers, INFERENCE_PROTOCOLS[0])
        identity = b"%b%016x" % (self._prefix, next(self._numbers))
        template = self._error if url.startswith(self._inference_prefixes) else self._problem
        response = template % {b"id": identity}
        return response.replace(_END, _CLOSE_END, 1) if closes else response

    def write_all(self, data: bytes, headers: Headers) -> tuple[list[bytes], bool] | None:
        """Return the responses to all requests in received data.

        Args:
            data: The received bytes.
            headers: The default headers of every response.

        Returns:
            A response per request, and whether the connection closes after the last one. None
            unless the data are complete POST requests, of which only the last one may close.
        """
        if not data.startswith(b"POST "):
            return None
        try:
            self._parser.feed_data(data)
            urls, closes = self._urls, self._closes
            if self._completed == self._started:
                self._urls = []
                if closes:
                    self._reset_parser()
                last = len(urls) - 1
                return [
                    self.write(url, headers, closes=closes and number == last)
                    for number, url in enumerate(urls)
                ], closes
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            pass
        self._reset_parser()
        return None

    def _reset_parser(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._started = self._completed = 0
        self._urls = []
        self._closes = False

    # Callbacks of the parser; headers and bodies have none, so nothing is built for them.

    def on_message_begin(self) -> None:
        if self._closes:
            raise ValueError
        self._started += 1

    def on_url(self, url: bytes) -> None:
        if self._parser.get_method() != b"POST":
            raise ValueError
        self._urls.append(url)

    def on_message_complete(self) -> None:
        self._closes = not self._parser.should_keep_alive()
        self._completed += 1


def _template(headers: Headers, path: str) -> bytes:
    """Return a response in which %(id)b is in the place of the request id."""
    placeholder = "-" * 32
    token = request_context.set(RequestContext(placeholder))
    response = service_unavailable(
        f"The service is overloaded; retry after {RETRY_SECONDS} s."
    ).response_for({"path": path})
    request_context.reset(token)
    phrase = HTTPStatus(response.status_code).phrase
    lines = [f"HTTP/1.1 {response.status_code} {phrase}".encode()]
    lines += [b"%b: %b" % header for header in (*headers, *response.raw_headers)]
    head = b"\r\n".join([*lines, b"x-request-id: %(id)b\r\n\r\n"])
    return head + bytes(response.body).replace(placeholder.encode(), b"%(id)b")
