"""HTTP/1.1 for clients that may be slow, greedy or hostile: requests in, or refusals out."""

from asyncio import Protocol
from functools import partial
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from service.lifecycle import Lifecycle
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
from service.settings import Settings

SLICE_BYTES: Final = 16 * 1024  # parsed before the caps are looked at again
FRAMING_BYTES: Final = 16 * 1024  # chunk sizes, extensions, trailers: so many more than the body
MAX_PIPELINED: Final = 64
SLASH: Final = ord("/")


def hardened_protocol(settings: Settings, lifecycle: Lifecycle) -> type[Protocol]:
    """The protocol to give to `uvicorn.Config(http=...)`, which calls it for each connection."""
    return cast(
        type[Protocol],
        partial(HardenedHttpProtocol, context=ConnectionContext(settings, lifecycle)),
    )


class HardenedHttpProtocol(LoadShedding):
    """Passes on what keeps RFC 9112 strictly and is within the caps, once; refuses the rest."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = False
        self._recent = b""  # what came since the head in parsing began to come, or a little more
        self._lines_end = 0  # in it, of the last request line
        self._decisive: list[tuple[bytes, bytes]] = []
        self._body_bytes = 0
        self._method = b""
        self._upgrade_ignored = False

    def data_received(self, data: bytes) -> None:
        """Parse what came, in slices, unless there is too much to do."""
        if self._unread:
            self._defer_more(data)
            return
        if self.context.admission.overloaded and self._decided is None and self._defer(data):
            return
        if self._linger_bytes is not None:
            self._linger_bytes -= len(data)
            if self._linger_bytes < 0:
                self.transport.raw.close()
                return
        if len(data) <= SLICE_BYTES:
            self._parse(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), SLICE_BYTES):
            self._parse(view[start : start + SLICE_BYTES])

    def _parse(self, data: bytes | memoryview) -> None:
        if self._deaf or self.parser is None:
            return
        if not self._receiving:
            self._begin_to_receive()
        self._received_bytes += len(data)
        self._recent = self._recent + data if self._in_head else bytes(data)
        if not self._in_head:
            self._lines_end = 0
        try:
            self.parser.feed_data(data)
            if self._receiving:
                self._require_modest()
        except Problem as problem:
            self.refuse(problem)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            self.refuse(_problem(error))
        if self._has_arrived and self._answering is not None:
            self._start_asgi_task(self._answering, self.app)

    def _begin_to_receive(self) -> None:
        self._receiving = True
        self._begun = False
        self._received_bytes = 0
        self._read_deadline.reset()

    def _require_modest(self) -> None:
        """Raise Problem when a message that is not complete is already too much."""
        if self._in_head:
            check_head_size(len(self.url), len(self.headers), self._received_bytes)
        elif self._received_bytes > 2 * self._body_bytes + FRAMING_BYTES:
            raise Problem(400, "The chunks are too small, or what is between them too large.")

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Parse the request again as one that asks for no other protocol, and its body, which the
        parser left alone.
        """
        if not self._upgrade_ignored:
            return  # CONNECT, which was refused
        self._upgrade_ignored = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"%b %b HTTP/1.1" % (self._method, self.url)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self._parse(b"\r\n".join([*lines, b"", rest]))

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request's first byte."""
        if not self._receiving:  # it came with the end of the one before
            self._begin_to_receive()
        self._begun = self._in_head = True
        self._body_bytes = 0
        self._decisive = []
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; trailers are ignored."""
        if not self._in_head:
            return
        name = name.lower()
        if name in FRAMING_HEADERS:
            self._decisive.append((name, value))
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Pass the request on if its head is good. Raises Problem."""
        decisive, url, parser = self._decisive, self.url, self.parser
        version: str = parser.get_http_version()
        method = parser.get_method()
        # The parser takes several spaces for one, and other protocols' names for HTTP.
        line = b"%b %b HTTP/%b\r\n" % (method, url, version.encode())
        start = self._recent.find(line, self._lines_end)
        if start < 0:
            raise Problem(400, "The request line must be a method, a target and HTTP/1.1.")
        self._lines_end = start + len(line)
        if (
            len(decisive) == 1  # nothing that needs a closer look
            and decisive[0][0] == b"host"
            and url[0] == SLASH
            and len(url) <= MAX_URL_BYTES
            and len(self.headers) <= MAX_HEADERS
            and self._received_bytes <= SLICE_BYTES
            and version == "1.1"
            and b"#" not in url
            and not parser.should_upgrade()  # CONNECT
        ):
            if error_for := self.context.allowed_hosts.error_for(decisive[0][1]):
                raise Problem(*error_for)
        else:
            self._validate_head(method, version)
            if self._upgrade_ignored:
                return
        if len(self.pipeline) >= MAX_PIPELINED:
            raise Problem(400, f"At most {MAX_PIPELINED} requests may wait for an answer.")
        self._in_head = False
        self._received_bytes = 0
        self._pass_on(method, version)

    def _pass_on(self, method: bytes, version: str) -> None:
        """As uvicorn does, without its own parser of URLs, which costs more than all checks."""
        scope, before = self.scope, self.cycle
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        scope["method"] = method.decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = raw_path
        scope["query_string"] = query
        keep_alive = version == "1.1" and self.parser.should_keep_alive()
        if self.context.lifecycle.stopping:
            # Not this one's before it is the last answer that closes the connection.
            if before is not None and self._kept_last and not before.response_started:
                before.keep_alive = True
            self._kept_last, keep_alive = keep_alive, False
        self.cycle = cycle = self._new_cycle(scope, keep_alive=keep_alive)
        if before is None or before.response_complete:
            self._answering = cycle
            self._has_arrived = True  # it takes its turn once all that has come is parsed
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _validate_head(self, method: bytes, version: str) -> None:
        head = RequestHead.of(self._decisive)
        validate_head(head, version, self.url, self.headers)
        if method == b"CONNECT":
            raise Problem(400, "This is no proxy.")
        self.context.allowed_hosts.require(head.hosts)
        if self.parser.should_upgrade():
            self._method = method
            self._upgrade_ignored = True
            return
        self.url = origin_form(self.url, method, head)
        self.expect_100_continue = version == "1.1" and bool(head.expectations)

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._body_bytes += len(body)
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """A request's last byte."""
        if self._upgrade_ignored:
            return
        self._receiving = False
        if self._linger_bytes is not None:
            self._linger_bytes = None
            self._idle_deadline.reset()
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()


def _problem(error: httptools.HttpParserError) -> Problem:
    """What was raised in a callback, or what the parser found: a fixed text, none of the bytes."""
    cause = error.__context__
    if isinstance(cause, Problem):
        return cause
    return Problem(400, f"Malformed HTTP: {error.args[0]}.")
