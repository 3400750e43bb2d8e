"""Strict HTTP/1.1 parsing for untrusted clients: valid requests go on, all others are rejected."""

from asyncio import Protocol
from functools import partial
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from service.problems import Problem
from service.protocol.connection import ConnectionContext
from service.protocol.load_shedding import LoadShedding
from service.protocol.request_head import (
    FRAMING_HEADERS,
    MAX_HEADERS,
    MAX_URL_BYTES,
    RequestHead,
    check_head_size,
    origin_form,
    validate_head,
)

# Fixed limits.
SLICE_BYTES: Final = 16 * 1024  # parsed between two checks of the limits
FRAMING_BYTES: Final = 16 * 1024  # chunk sizes, extensions and trailers, in addition to the body
MAX_PIPELINED: Final = 64  # requests of a connection that wait for an earlier response
SLASH: Final = ord("/")


def hardened_protocol(context: ConnectionContext) -> type[Protocol]:
    """Return the factory of connections for `uvicorn.Config(http=...)`; they share `context`."""
    return cast(type[Protocol], partial(HardenedHttpProtocol, context=context))


class HardenedHttpProtocol(LoadShedding):
    """Passes on each request that follows RFC 9112 and is within the limits; rejects the others.

    Args:
        *arguments: Arguments of `Connection`.
        **named: Arguments of `Connection`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = False
        # The input since the start of the current head, or slightly more.
        self._recent_bytes = b""
        self._request_line_end = 0  # of the last request line in _recent_bytes
        self._framing_headers: list[tuple[bytes, bytes]] = []
        self._body_bytes = 0
        self._method = b""
        self._upgrade_ignored = False

    def data_received(self, data: bytes) -> None:
        """Parse received data in slices; under overload, defer it."""
        if self._deferred_data:
            self._defer_more(data)
            return
        if self.context.admission.overloaded and self._decision is None and self._defer(data):
            return
        if self._linger_bytes_left is not None:
            self._linger_bytes_left -= len(data)
            if self._linger_bytes_left < 0:
                self.transport.raw.close()
                return
        if len(data) <= SLICE_BYTES:
            self._parse(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), SLICE_BYTES):
            self._parse(view[start : start + SLICE_BYTES])

    def _parse(self, data: bytes | memoryview) -> None:
        if self._ignoring_input or self.parser is None:
            return
        if not self._receiving:
            self._begin_message()
        self._received_bytes += len(data)
        self._recent_bytes = self._recent_bytes + data if self._in_head else bytes(data)
        if not self._in_head:
            self._request_line_end = 0
        try:
            self.parser.feed_data(data)
            if self._receiving:
                self._check_message_size()
        except Problem as problem:
            self.reject_request(problem)
        except httptools.HttpParserUpgrade as upgrade:
            self._continue_without_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            self.reject_request(_problem(error))
        if self._request_ready and self._active_cycle is not None:
            self._start_asgi_task(self._active_cycle, self.app)

    def _begin_message(self) -> None:
        self._receiving = True
        self._message_started = False
        self._received_bytes = 0
        self._read_deadline.reset()

    def _check_message_size(self) -> None:
        """Raise Problem (400, 414, 431) if an incomplete message is already too large."""
        if self._in_head:
            check_head_size(len(self.url), len(self.headers), self._received_bytes)
        elif self._received_bytes > 2 * self._body_bytes + FRAMING_BYTES:
            raise Problem(
                400, "The chunks are too small, or their extensions or trailers are too large."
            )

    def _continue_without_upgrade(self, rest: bytes) -> None:
        """Parse the request again without its Upgrade header, then its body.

        The parser stops after a head that requests another protocol.
        """
        if not self._upgrade_ignored:
            return  # CONNECT, which was rejected
        self._upgrade_ignored = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"%b %b HTTP/1.1" % (self._method, self.url)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self._parse(b"\r\n".join([*lines, b"", rest]))

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        if not self._receiving:  # the message came with the end of the previous one
            self._begin_message()
        self._message_started = self._in_head = True
        self._body_bytes = 0
        self._framing_headers = []
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # trailers are ignored
        name = name.lower()
        if name in FRAMING_HEADERS:
            self._framing_headers.append((name, value))
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Dispatch the request if its head is valid.

        Raises:
            Problem: The head is invalid or too large, or too many requests are pipelined.
        """
        framing, url, parser = self._framing_headers, self.url, self.parser
        version: str = parser.get_http_version()
        method = parser.get_method()
        # The parser accepts several spaces as one, and names of other protocols as HTTP.
        line = b"%b %b HTTP/%b\r\n" % (method, url, version.encode())
        start = self._recent_bytes.find(line, self._request_line_end)
        if start < 0:
            raise Problem(400, "The request line must be a method, a target and HTTP/1.1.")
        self._request_line_end = start + len(line)
        if (
            len(framing) == 1  # a single Host: the head needs no full validation
            and framing[0][0] == b"host"
            and url[0] == SLASH
            and len(url) <= MAX_URL_BYTES
            and len(self.headers) <= MAX_HEADERS
            and self._received_bytes <= SLICE_BYTES
            and version == "1.1"
            and b"#" not in url
            and not parser.should_upgrade()  # CONNECT
        ):
            if error := self.context.allowed_hosts.error_for(framing[0][1]):
                raise Problem(*error)
        else:
            self._validate_head(method, version)
            if self._upgrade_ignored:
                return
        if len(self.pipeline) >= MAX_PIPELINED:
            raise Problem(400, f"A connection may pipeline at most {MAX_PIPELINED} requests.")
        self._in_head = False
        self._received_bytes = 0
        self._dispatch(method, version)

    def _dispatch(self, method: bytes, version: str) -> None:
        """Fill the scope and start or queue the request.

        Like uvicorn, but without its URL parser, which costs more than all checks together.
        """
        scope, previous = self.scope, self.cycle
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        scope["method"] = method.decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = raw_path
        scope["query_string"] = query
        keep_alive = version == "1.1" and self.parser.should_keep_alive()
        if self.context.lifecycle.stopping:
            # Only the last response of a pipeline closes the connection.
            if previous is not None and self._last_keep_alive and not previous.response_started:
                previous.keep_alive = True
            self._last_keep_alive, keep_alive = keep_alive, False
        self.cycle = cycle = self._new_cycle(scope, keep_alive=keep_alive)
        if previous is None or previous.response_complete:
            self._active_cycle = cycle
            self._request_ready = True  # starts after all received data is parsed
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _validate_head(self, method: bytes, version: str) -> None:
        head = RequestHead.of(self._framing_headers)
        validate_head(head, version, self.url, self.headers)
        if method == b"CONNECT":
            raise Problem(400, "CONNECT is not supported: this service is not a proxy.")
        self.context.allowed_hosts.require(head.hosts)
        if self.parser.should_upgrade():
            self._method = method
            self._upgrade_ignored = True
            return
        self.url = origin_form(self.url, method, head)
        self.expect_100_continue = version == "1.1" and bool(head.expectations)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self._upgrade_ignored:
            return
        self._receiving = False
        if self._linger_bytes_left is not None:
            self._linger_bytes_left = None
            self._idle_deadline.reset()
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()


def _problem(error: httptools.HttpParserError) -> Problem:
    """Return the problem raised in a callback, or one for a parser error.

    The parser's text is fixed and never quotes the input.
    """
    cause = error.__context__
    if isinstance(cause, Problem):
        return cause
    return Problem(400, f"Malformed HTTP: {error.args[0]}.")
