"""One HTTP/1.1 connection of an untrusted client: a state machine with limits and deadlines.

A valid request goes to the application; all others are rejected with a problem. Parsing is
httptools', and the writing of responses is uvicorn's.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any, Final, cast

import httptools
from starlette.types import Scope
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from service.lifecycle import GRACE_SECONDS, shutting_down
from service.overload.admission import Lane, is_probe
from service.overload.memory import UNCHARGED_BYTES
from service.problems import Problem, rejected_scope, rejection_of
from service.protocol.allowed_hosts import MISDIRECTED, serves_any_host
from service.protocol.arriving_request import SLICE_BYTES, ArrivingRequest
from service.protocol.connection_context import ConnectionContext
from service.protocol.direct_requests import DirectRequest, Headers
from service.protocol.known_heads import END
from service.protocol.open_connections import Place
from service.protocol.request_cycle import RequestCycle
from service.protocol.request_head import FRAMING_HEADERS, WHITESPACE
from service.protocol.timeouts import Deadline
from service.protocol.transport import MeteredTransport

logger = logging.getLogger(__name__)


class ConnectionState(IntEnum):
    """What a connection does with its input, and which deadline it has."""

    IDLE = 0  # no byte of a request has arrived, and no response is due
    READING_HEAD = 1  # responses to earlier requests of a pipeline may be due
    READING_BODY = 2  # the request may have started
    QUEUED = 3  # under overload: the input waits for admission, unparsed
    RESPONDING = 4  # no request is arriving, and a response is due
    # The input is discarded: closing at once would reset the connection before the client can read
    # the response, which most clients do after they have sent the whole request. After the rest of
    # an answered body, the connection can be used again.
    LINGERING = 5
    CLOSED = 6  # as soon as the written bytes are sent


IDLE, READING_HEAD, READING_BODY, QUEUED, RESPONDING, LINGERING, CLOSED = ConnectionState

TRANSITIONS: Final = {
    IDLE: {READING_HEAD, QUEUED, RESPONDING, LINGERING, CLOSED},
    READING_HEAD: {READING_BODY, LINGERING, CLOSED},
    READING_BODY: {RESPONDING, LINGERING, CLOSED},
    QUEUED: {IDLE, CLOSED},
    RESPONDING: {IDLE, READING_HEAD, LINGERING, CLOSED},
    LINGERING: {IDLE, CLOSED},
    CLOSED: frozenset[ConnectionState](),
}

# Fixed limits.
MAX_UNREAD_BYTES: Final = 64 * 1024  # of a body that the application does not read
PROGRESS_BYTES: Final = 64 * 1024  # of a body, with which a connection starts to wait again
MAX_PIPELINED: Final = 64  # requests of a connection that wait for an earlier response
LINGER_SECONDS: Final = 1.0  # in which the client must send LINGER_BYTES
LINGER_BYTES: Final = 64 * 1024
CLOSE_END: Final = b"\r\nconnection: close\r\n\r\n"
RESERVE_SECONDS: Final = 1.0  # to the first byte of a request, on a connection of the reserve
STALLED_SHARE: Final = 0.8  # of GRACE_SECONDS, for clients that still send or read
# An idle connection stays open for this time, and up to two ticks longer, when the server closes:
# a request that is already on the way is answered.
CLOSE_IDLE_SECONDS: Final = 0.25


def hardened_protocol(context: ConnectionContext) -> type[asyncio.Protocol]:
    """Return the factory of connections for `uvicorn.Config(http=...)`; they share `context`."""
    return cast(type[asyncio.Protocol], partial(HardenedHttpProtocol, context=context))


class HardenedHttpProtocol(asyncio.Protocol):
    """One connection; uvicorn creates it, httptools and `Admission` call it back.

    Args:
        config: uvicorn's configuration.
        server_state: uvicorn's state of the server.
        app_state: The state of the application's lifespan.
        _loop: The running event loop.
        context: State shared with the other connections of the process.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        context: ConnectionContext,
    ) -> None:
        # Shared with other connections
        self.context = context
        self.app = config.loaded_app
        self.app_state = app_state
        self.server_state = server_state
        self.loop = _loop or asyncio.get_running_loop()

        # Of the connection
        self.state = IDLE
        self.transport: MeteredTransport
        self._flow: FlowControl
        self._client: tuple[str, int] | None
        # Created for the first request, since many connections are closed without one.
        self._scope: Scope | None = None
        self._parser: httptools.HttpRequestParser | None = None  # which refers to this connection
        self._serves_probes_only = False
        self._received_eof = False  # the client sends nothing more, and may read responses
        self._queued_bytes = b""
        self._unread = context.memory.lease(arriving=True)
        self._discarded_bytes = 0
        # Of the state. The first byte must arrive as fast as the rest of a request.
        self._deadline = Deadline(context.settings.receive_timeout_seconds)
        self._shutdown_deadline: Deadline | None = None

        # Of its requests
        self._arriving = ArrivingRequest()
        # Without a complete response, in order.
        self._requests: deque[RequestCycle | DirectRequest] = deque()
        self._active: RequestCycle | DirectRequest | None = None  # the last one started or queued
        self._direct: RequestCycle | DirectRequest | None = None  # `_active`, answered without ASGI
        self._received = b""  # the data that are being parsed, if they begin a request
        # Of the body, since the last call of `_receive_body`. Clients may send chunks of one byte,
        # so the callback for each is a function of the interpreter.
        self._body_parts: list[bytes] = []
        self.on_body = self._body_parts.append

    def _enter(self, state: ConnectionState) -> None:
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"No transition leads from {self.state.name} to {state.name}.")
        self.state = state

    # Opening and closing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection; beyond a limit of connections, for probes only."""
        raw = cast(asyncio.Transport, transport)
        context = self.context
        self._client = get_remote_addr(raw)
        self.transport = MeteredTransport(raw, self._close, context.settings.send_timeout_seconds)
        self._flow = FlowControl(raw)
        context.deadline_timer.add(self, self.loop)
        self.server_state.connections.add(cast(Any, self))
        place = context.connections.add(self, self._client[0] if self._client else "")
        if place is Place.NONE:
            self._end(raw.abort)
        elif place is Place.RESERVE:
            self._serves_probes_only = True
            self._deadline.reset(RESERVE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self.state is not CLOSED:
            self._enter(CLOSED)
        self.context.deadline_timer.discard(self)
        self.context.connections.discard(self)
        self.server_state.connections.discard(cast(Any, self))
        self._disconnect_requests()
        self._flow.resume_writing()
        self._parser = None

    def eof_received(self) -> bool:
        """Keep the connection open for the responses to whole requests of a half-closed client."""
        self._received_eof = True
        self.drain()
        return self.state is QUEUED or (bool(self._requests) and self.state is not READING_BODY)

    def awaits_client(self) -> bool:
        return self._flow.write_paused or (
            not self._flow.read_paused and self.state is not RESPONDING
        )

    def evict(self) -> None:
        logger.debug("connection_evicted", extra={"state": self.state.name})
        self._end(self.transport.raw.close)

    def _disconnect_requests(self) -> None:
        """Signal to the application that the client has disconnected, or drop what is queued."""
        if self._requests:
            self._requests[0].disconnect()
            self._requests.clear()
            self._direct = None
        self._unread.resize(0)

    def drain(self) -> None:
        """Close the connection after the last response that is due."""
        if self._requests:
            self._requests[-1].keep_alive = False

    def shutdown(self) -> None:
        """Finish the current requests, and those that just arrive, within the grace period."""
        self._shutdown_deadline = Deadline(STALLED_SHARE * GRACE_SECONDS)
        if self.state is IDLE:
            self._deadline.reset(CLOSE_IDLE_SECONDS)

    def abort(self) -> None:
        """Reject the requests that are not answered; called near the end of the grace period."""
        if self.state in (IDLE, LINGERING, CLOSED):
            self._end(self.transport.raw.close)
        elif not self._requests or self._requests[0].response_started:
            self._reject_or_reset()
        elif self._direct is None:  # otherwise the response follows in this iteration
            scope = cast(RequestCycle, self._requests[0]).scope
            self._disconnect_requests()
            self._respond_with(shutting_down(), cast(Scope, scope))
            self._start_next(admitted=True)

    def _close(self) -> None:
        """Close after the last response; linger if the client may still be sending."""
        raw = self.transport.raw
        receiving = self.state in (READING_HEAD, READING_BODY, LINGERING)
        # When the process stops, the server is the one that closes, and the client may be sending
        # another request.
        if raw.is_closing() or not (receiving or self.context.lifecycle.stopping):
            self._end(raw.close)
            return
        if raw.can_write_eof():
            raw.write_eof()
        self._linger()

    def _end(self, close: Callable[[], None]) -> None:
        """Close the socket; `close` is the method of the transport that does."""
        if self.state is not CLOSED:
            self._enter(CLOSED)
        close()

    def _linger(self) -> None:
        if self.state is not LINGERING:
            self._enter(LINGERING)
        self._discarded_bytes = 0
        self._deadline.reset(LINGER_SECONDS)
        self._flow.resume_reading()
        self.context.connections.wait(self)

    def _become_idle(self) -> None:
        self._enter(IDLE)
        self.context.connections.wait(self)
        closing = self._shutdown_deadline is not None
        keep_alive = self.context.settings.keep_alive_seconds
        self._deadline.reset(CLOSE_IDLE_SECONDS if closing else keep_alive)

    # Input

    def data_received(self, data: bytes) -> None:
        """Parse received data; under overload, queue them unparsed: rejecting then costs little."""
        if self.state is QUEUED:
            self._flow.pause_reading()
            if not self._charge_queued(self._queued_bytes + data):
                self._end(self.transport.reset)
        elif self.state is not IDLE:
            self._parse(data)
        elif (
            self.context.admission.predictions.overloaded
            and data.startswith(b"POST ")
            and not self.context.lifecycle.stopping
            and self._charge_queued(data)
        ):
            self._queue(self.context.admission.predictions)
        else:
            self._parse_first(data)

    def _queue(self, lane: Lane) -> None:
        """Wait for admission with input that is not parsed."""
        self._enter(QUEUED)
        self.context.connections.proceed(self)
        lane.enqueue(self._on_decision)

    def _parse_first(self, data: bytes, admitted: bool | None = None) -> None:
        """Parse data that begin a request, or start the request if its head is known.

        Args:
            data: The received bytes.
            admitted: The decision of `Admission` on the request; None before a decision.
        """
        known = self.context.known_heads.split(data)
        if (
            known is None
            or admitted is False
            or self._received_eof
            or self._serves_probes_only
            or self._flow.write_paused
            or self.context.lifecycle.stopping
        ):
            self._received = data
            self._parse(data, admitted)
            self._received = b""
            return
        head, body = known
        if admitted is None:
            admission, fields = self.context.admission, head.scope_fields
            lane = admission.lane_of(fields["method"], fields["path"])
            if not admission.try_admit(lane, self.loop):
                if self._charge_queued(data):
                    self._queue(lane)
                else:
                    self._parse(data)
                return
        self._enter(RESPONDING)
        self.context.connections.proceed(self)
        self._direct = self._active = DirectRequest(head.scope_fields, body)
        self._requests.append(self._direct)
        if not head.handler.start(body, self):
            self.fall_back()

    def _charge_queued(self, data: bytes) -> bool:
        """Keep unparsed input; return False if other requests fill the memory."""
        self._queued_bytes = data
        try:
            if len(data) > UNCHARGED_BYTES:
                self._charge_unread()
        except Problem:
            self._queued_bytes = b""
        return bool(self._queued_bytes)

    def _parse(self, data: bytes | memoryview, admitted: bool | None = None) -> None:
        """Parse data in slices, between which the limits are checked.

        Args:
            data: The received bytes.
            admitted: The decision of `Admission` on the next request; None before a decision.
        """
        if len(data) > SLICE_BYTES:
            view = memoryview(data)
            for start in range(0, len(data), SLICE_BYTES):
                self._parse(view[start : start + SLICE_BYTES], admitted)
            return
        if self.state is CLOSED or (self.state is LINGERING and self._discard(len(data))):
            return
        self._arriving.received_bytes += len(data)
        if self._parser is None:
            self._parser = self._new_parser()
        after_upgrade: int | None = None
        try:
            self._parser.feed_data(data)
            if self._body_parts:
                self._receive_body()
            if self._arriving.received_bytes:
                self._arriving.check_size()
        except Problem as problem:
            self._reject(problem)
        except httptools.HttpParserUpgrade as upgrade:
            after_upgrade = upgrade.args[0]
        except httptools.HttpParserError as error:
            self._reject(_problem(error))
        if after_upgrade is not None:
            self._parse_without_upgrade(bytes(data[after_upgrade:]))
        self._start_next(admitted)

    def _discard(self, size: int) -> bool:
        """Discard input of a lingering connection; return False if it must still be parsed."""
        closing = self.transport.is_closing()
        if self._requests and not closing:  # a rejection waits for earlier responses
            return True
        self._discarded_bytes += size
        if self._discarded_bytes >= LINGER_BYTES:
            self._discarded_bytes = 0
            self._deadline.reset()
        return closing

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Parse the head again without its Upgrade header, then the rest of the data.

        The parser stops after a head that requests another protocol.
        """
        request, self._arriving = self._arriving, ArrivingRequest()
        parser = cast(httptools.HttpRequestParser, self._parser)
        lines = [b"%b %b HTTP/1.1" % (parser.get_method(), request.url)]
        lines += [b"%b: %b" % header for header in request.headers if header[0] != b"upgrade"]
        self._parser = self._new_parser()
        self._parse(b"\r\n".join([*lines, b"", rest]))

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        if self.state is not READING_HEAD:  # as it is when a head is parsed without its Upgrade
            self._enter(READING_HEAD)
            self._deadline.reset(self.context.settings.receive_timeout_seconds)

    def on_url(self, url: bytes) -> None:
        self._arriving.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.state is not READING_HEAD:
            return  # trailers are ignored
        request, name, value = self._arriving, name.lower(), value.strip(WHITESPACE)
        request.headers.append((name, value))
        if name in FRAMING_HEADERS:
            request.framing_headers += 1
            if name == b"host":
                request.host = value

    def on_headers_complete(self) -> None:
        """Dispatch the request if its head is valid.

        Raises:
            Problem: The head is invalid or too large, or too many requests are pipelined.
        """
        request, parser = self._arriving, self._parser
        assert parser is not None
        version: str = parser.get_http_version()
        method, upgrades = parser.get_method(), parser.should_upgrade()
        request.validate_head(method, version, upgrades)
        if upgrades:
            return  # the parser stops, and _parse_without_upgrade goes on
        if len(self._requests) > MAX_PIPELINED:
            raise Problem(400, f"A connection may pipeline at most {MAX_PIPELINED} requests.")
        self._dispatch(request, method, version, keep_alive=parser.should_keep_alive())

    def _dispatch(
        self, request: ArrivingRequest, method: bytes, version: str, *, keep_alive: bool
    ) -> None:
        """Append a request with a valid head to those that are to be answered.

        Raises:
            Problem: The host is malformed or not served, or only probes are served.
        """
        fields = request.scope_fields(method, version, self.context.root_path)
        error = self.context.allowed_hosts.error_for(request.host)
        if error and not (
            error[0] == MISDIRECTED and serves_any_host(fields["method"], fields["path"])
        ):
            raise Problem(*error)
        if self._serves_probes_only and not is_probe(fields["method"], fields["path"]):
            detail = "The service has too many open connections; retry after 1 s."
            raise Problem(503, detail, headers={"Retry-After": "1"})
        allows_more = version == "1.1" and keep_alive and not self._serves_probes_only
        stopping = self.context.lifecycle.stopping
        if self._requests:
            self._flow.pause_reading()
            last = self._requests[-1]
            if stopping and not last.response_started:
                last.keep_alive = last.allows_more  # only the last response closes the connection
        cycle = request.cycle = self._new_cycle(fields)
        self._requests.append(cycle)
        cycle.allows_more = allows_more
        cycle.keep_alive = allows_more and not stopping and not self._received_eof
        cycle.waiting_for_100_continue = request.expects_continue
        request.received_bytes = 0
        self._enter(READING_BODY)

    def _receive_body(self) -> None:
        """Pass the parsed part of the body on to the request."""
        body = b"".join(self._body_parts)
        self._body_parts.clear()
        request, cycle = self._arriving, self._arriving.cycle
        before = request.body_bytes // PROGRESS_BYTES
        request.body_bytes += len(body)
        if request.body_bytes // PROGRESS_BYTES > before:
            self.context.connections.wait(self)
        if cycle is not None and not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > UNCHARGED_BYTES or len(self._requests) > 1:
                self._charge_unread()
                if len(cycle.body) > MAX_UNREAD_BYTES:
                    self._flow.pause_reading()
            cycle.message_event.set()

    def _charge_unread(self) -> None:
        """Charge the input that the application has not read, unless it is small.

        Raises:
            Problem: 503, because other requests fill the memory.
        """
        size = len(self._queued_bytes) + sum(len(cycle.body) for cycle in self._requests)
        self._unread.resize(size if size > UNCHARGED_BYTES else 0)

    def on_message_complete(self) -> None:
        cycle = self._arriving.cycle
        if cycle is None:
            return  # a head with Upgrade, which is parsed again
        if self._body_parts:
            self._receive_body()
        self._arriving = ArrivingRequest()
        self.context.connections.proceed(self)
        if cycle.response_complete:
            self._become_idle()
            return
        self._enter(RESPONDING)
        cycle.more_body = False
        cycle.message_event.set()

    # Requests and their admission

    def _new_cycle(self, scope_fields: dict[str, Any]) -> RequestCycle:
        """Create a request and its response.

        Args:
            scope_fields: The fields of its ASGI scope that other requests do not share.
        """
        if self._scope is None:
            self._scope = {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "http_version": "1.1",
                "server": get_local_addr(self.transport.raw),
                "client": self._client,
                "scheme": "http",
                "root_path": "",
            }
        scope = {**self._scope, **scope_fields, "state": self.app_state.copy()}
        cycle = RequestCycle(
            scope=cast(Any, scope),
            transport=self.transport,
            flow=self._flow,
            logger=logger,
            access_logger=logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        cycle.unread, cycle.on_read = self._unread, self._charge_unread
        return cycle

    def _start_next(self, admitted: bool | None = None) -> None:
        """Start, queue or reject the first request unless that was done before.

        Args:
            admitted: The decision of `Admission` on the request; None before a decision.
        """
        if not self._requests or self._requests[0] is self._active:
            return
        self._active = cycle = cast(RequestCycle, self._requests[0])
        if admitted is None:
            admission, scope = self.context.admission, cycle.scope
            lane = admission.lane_of(scope["method"], scope["path"])
            if not admission.try_admit(lane, self.loop):
                lane.enqueue(partial(self._run_or_reject, cycle))
                return
        self._run_or_reject(cycle, admitted is not False)

    def _run_or_reject(self, cycle: RequestCycle, admitted: bool) -> None:
        if cycle.disconnected:
            return
        if not (admitted or rejection_of(cast(Scope, cycle.scope))):
            self._reject_cheaply(cycle)
        elif not self._start_directly(cycle):
            self._run(cycle)

    def _run(self, cycle: RequestCycle) -> None:
        tasks = self.server_state.tasks
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(tasks.discard)
        tasks.add(task)

    def _start_directly(self, cycle: RequestCycle) -> bool:
        """Start a request without ASGI; return False if it must be run in the application."""
        if cycle.more_body or cycle.waiting_for_100_continue or self._flow.write_paused:
            return False
        scope = cast(Scope, cycle.scope)
        handler = self.context.find_handler(scope)
        if handler is None:
            return False
        self._direct = cycle
        if not handler.start(bytes(cycle.body), self):
            self._direct = None
            return False
        if self._received and cycle.allows_more:
            self.context.known_heads.add(self._received, scope, handler)
        return True

    # Responses without ASGI

    @property
    def default_headers(self) -> Headers:
        return self.server_state.default_headers

    def respond(self, head: bytes, body: bytes) -> None:
        """Send the response to the first request (see `Responder`).

        Args:
            head: Status line and headers, without the line breaks at the end.
            body: The body; empty for HEAD.
        """
        request, self._direct = self._direct, None
        if request is None:  # the client has disconnected
            return
        request.response_started = request.response_complete = True
        end = END if request.keep_alive else CLOSE_END
        self.transport.write(b"".join((head, end, body)))
        if not request.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def fall_back(self) -> None:
        """Run the first request in the ASGI application (see `Responder`)."""
        request, self._direct = self._direct, None
        if isinstance(request, DirectRequest):
            cycle = self._active = self._requests[0] = self._new_cycle(request.scope_fields)
            cycle.keep_alive, cycle.allows_more, cycle.more_body = request.keep_alive, True, False
            cycle.body += request.body
            cycle.message_event.set()
            self._run(cycle)
        elif request is not None:
            self._run(request)

    def on_response_complete(self) -> None:
        """Start the next request, or become idle."""
        self.server_state.total_requests += 1
        self._requests.popleft()
        if self._unread.charged_bytes:
            self._charge_unread()
        if self.transport.is_closing():
            return
        self._flow.resume_reading()
        if self._requests:
            self._start_next()
        elif self.state is READING_BODY:
            self._linger()  # the connection can be used again if the rest of the body is short
        elif self.state is RESPONDING:
            self._become_idle()

    def _on_decision(self, admitted: bool) -> None:
        """Parse the queued input, or respond with 503 to the requests in it."""
        if self.state is not QUEUED:  # the client has disconnected
            return
        data, self._queued_bytes = self._queued_bytes, b""
        if self._unread.charged_bytes:
            self._unread.resize(0)
        self._become_idle()
        self._flow.resume_reading()
        headers, rejected = self.server_state.default_headers, None
        if not admitted:
            rejected = self.context.admission.rejections.write_all(data, headers)
        if rejected is None:  # admitted, or the data need full parsing
            self._parse_first(data, admitted)
            incomplete = self.state in (IDLE, READING_HEAD, READING_BODY)
            if self._received_eof and incomplete:
                self._end(self.transport.raw.close)
            return
        responses, closes = rejected
        self.transport.write(b"".join(responses))
        self.server_state.total_requests += len(responses)
        self.context.count_rejected(len(responses))
        if closes or self._received_eof:
            self.transport.close()

    def _reject_cheaply(self, cycle: RequestCycle) -> None:
        """Respond with 503 without calling the application."""
        url, headers = cycle.scope["raw_path"], self.server_state.default_headers
        closes = not cycle.keep_alive
        response = self.context.admission.rejections.write(url, headers, closes=closes)
        if cycle.scope["method"] == "HEAD":
            response = response[: response.index(b"\r\n\r\n") + 4]
        cycle.response_started = cycle.response_complete = True
        self.transport.write(response)
        if not cycle.keep_alive:
            self.transport.close()
        self.context.count_rejected(1)
        self.on_response_complete()

    # Rejections

    def reject_request(self, problem: Problem) -> None:
        """Reject the arriving request after all earlier responses, then close the connection."""
        self._reject(problem)
        self._start_next()

    def _reject(self, problem: Problem) -> None:
        logger.debug("request_rejected", extra={"status": problem.status, "detail": problem.detail})
        cycle = self._arriving.cycle
        if cycle is None:
            self._respond_with(problem)
        elif cycle.response_started:  # the status is already sent
            self._disconnect_requests()
            self.transport.close()
        else:
            self._linger()
            cycle.reject(problem)

    def _respond_with(self, problem: Problem, request: Scope | None = None) -> None:
        """Append a rejection to the requests, so that it is counted and logged as one.

        Args:
            problem: The response.
            request: The scope of the rejected request; None if the input is not a request.
        """
        no_request = {"method": "", "path": "", "raw_path": b"", "query_string": b"", "headers": []}
        cycle = self._new_cycle(rejected_scope(request or no_request, problem))
        cycle.more_body = False
        self._requests.append(cycle)
        self._linger()

    # Deadlines and buffers

    def pause_writing(self) -> None:
        self._flow.pause_writing()
        self.context.connections.wait(self)

    def resume_writing(self) -> None:
        self._flow.resume_writing()
        if self.state in (QUEUED, RESPONDING):
            self.context.connections.proceed(self)

    def on_tick(self, seconds: float) -> None:
        """Enforce all deadlines; only time in which the service waits for the client counts."""
        transport = self.transport
        unacknowledged = transport.unacknowledged_bytes()
        if transport.send_expired(seconds, unacknowledged):
            logger.debug("send_timeout")
            self._end(transport.reset)
            return
        if transport.raw.is_closing():
            return
        if self.state is IDLE:
            expired = self._deadline.expired(0 if unacknowledged else seconds)
            if expired and not transport.unread_bytes():  # bytes that are about to be read
                self._end(transport.raw.close)
            return
        reading = self.state in (READING_HEAD, READING_BODY)
        awaiting_client = unacknowledged or (reading and not self._flow.read_paused)
        shutdown_deadline = self._shutdown_deadline
        if shutdown_deadline is not None and awaiting_client and shutdown_deadline.expired(seconds):
            self._reject_or_reset()
        elif self.state is LINGERING:
            due = self._requests and not transport.is_closing()
            if not unacknowledged and not due and self._deadline.expired(seconds):
                self._end(transport.raw.close)
        elif (
            reading
            and awaiting_client
            and self._deadline.expired(seconds, self._arriving.received_bytes)
        ):
            self.reject_request(Problem(408, "The request did not arrive in time."))

    def disconnect(self) -> None:
        """Close the socket at once: the deadlines cannot be checked."""
        self._end(self.transport.raw.abort)

    def _reject_or_reset(self) -> None:
        """Reject a request that is arriving; otherwise reset the connection."""
        if self.state in (READING_HEAD, READING_BODY):
            self.reject_request(shutting_down())
        else:
            self._end(self.transport.reset)


def _problem(error: httptools.HttpParserError) -> Problem:
    """Return the problem raised in a callback, or one for a parser error.

    The parser's text is fixed and never quotes the input.

    Raises:
        Exception: Another exception was raised in a callback.
    """
    cause = error.__context__
    if cause is None:
        return Problem(400, f"Malformed HTTP: {error.args[0]}.")
    if isinstance(cause, Problem):
        return cause
    raise cause
