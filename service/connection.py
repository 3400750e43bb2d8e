"""A connection that may be one too many, slow, or in need of a refusal: uvicorn's, on its guard."""

import asyncio
import logging
import socket
import struct
import sys
from collections import Counter
from secrets import token_hex
from typing import Any, Final, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service.admission import Admission
from service.current_request import CurrentRequest, current_request
from service.deadlines import Patience, Sweep
from service.framing import HostRule
from service.metered_transport import MeteredTransport
from service.problems import Problem
from service.refusals import Refusals
from service.settings import Settings

logger = logging.getLogger(__name__)

# After an answer the rest of a request is read, and forgotten, so that the client can read the
# answer: closing at once would reset the connection.
LINGER_BYTES: Final = 1024 * 1024
LINGER_SECONDS: Final = 1.0
MAX_TURNED_AWAY: Final = 64  # that linger at the same time
GRACE_SHARE: Final = 0.8  # of the server's grace, for what clients still send or read
UNSENT_BYTES: Final = 128 * 1024  # taken by the system before it can send them


class Guard:
    """What the connections of one process share; pickled for another, it begins anew there."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.host_rule = HostRule(settings.hosts)
        self.sweep = Sweep()
        self.admission = Admission()
        self.refusals = Refusals()
        self.by_address: Counter[str] = Counter()
        self.turned_away = 0

    def __reduce__(self) -> tuple[type["Guard"], tuple[Settings]]:
        return Guard, (self.settings,)


class Connection(HttpToolsProtocol):
    """One connection, with deadlines and caps; what comes in is parsed by a subclass."""

    transport: MeteredTransport

    def __init__(self, *arguments: Any, guard: Guard, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.guard = guard
        settings = guard.settings
        self._receiving = True  # from a message's first byte, or the connection's start, to the end
        self._begun = False  # more has come of the message than empty lines
        self._received_bytes = 0  # of the message's head, then of the rest of it
        self._answering: RequestResponseCycle | None = None
        self._refusal: Problem | None = None  # to be sent after the answers that are due
        self._refused_scope: Scope | None = None  # of its head, if that was good
        self._deaf = False  # what comes is forgotten
        self._linger_bytes: int | None = None  # so much may come before the connection is closed
        self._read_patience = Patience(settings.receive_timeout_seconds)
        self._send_patience = Patience(settings.send_timeout_seconds)
        self._idle_patience = Patience(settings.keep_alive_seconds)
        self._linger_patience = Patience(LINGER_SECONDS)
        self._stop_patience: Patience | None = None
        self._taken_bytes: int | None = None  # when the client began to be awaited
        self._address = ""
        self._counted = False
        self._turned_away = False

    # Its beginning and end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, unless there are too many."""
        super().connection_made(transport)
        self.transport = MeteredTransport(transport, self._close)
        _leave_little_unsent(transport)
        guard, settings = self.guard, self.guard.settings
        guard.sweep.add(self, self.loop)
        self._address = self.client[0] if self.client else ""
        most = settings.max_connections_per_address
        if len(self.connections) > settings.max_connections or (
            most and guard.by_address[self._address] >= most
        ):
            self._turn_away()
            return
        self._counted = True
        guard.by_address[self._address] += 1

    def _turn_away(self) -> None:
        self.connections.discard(self)
        if self.guard.turned_away >= MAX_TURNED_AWAY:
            self.transport.raw.abort()
            return
        self._turned_away = True
        self.guard.turned_away += 1
        detail = "There are too many connections; try again soon."
        self.refuse(Problem(503, detail, headers={"Retry-After": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        guard = self.guard
        guard.sweep.discard(self)
        if self._turned_away:
            guard.turned_away -= 1
        if self._counted:
            guard.by_address[self._address] -= 1
            if not guard.by_address[self._address]:
                del guard.by_address[self._address]
        if self._answering is not None:  # uvicorn tells the last of a pipeline only
            _disconnect(self._answering)
        self.pipeline.clear()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish what is under way, within the server's grace."""
        self._stop_patience = Patience(GRACE_SHARE * (self.config.timeout_graceful_shutdown or 10))
        super().shutdown()

    def _close(self) -> None:
        """Close after what was written is sent, and after some of what is still to come."""
        raw = self.transport.raw
        if not self._receiving or raw.is_closing():
            raw.close()
            return
        if raw.can_write_eof():
            raw.write_eof()
        self._deaf = True
        self._linger()

    def _linger(self) -> None:
        self._linger_bytes = LINGER_BYTES
        self._linger_patience.renew()
        self.flow.resume_reading()

    # Refusals

    def refuse(self, problem: Problem) -> None:
        """Answer instead of the application, once all earlier requests are answered; then close."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        received = self.cycle if self.cycle is not None and self.cycle.more_body else None
        if received is not None:
            _disconnect(received)
            self._refused_scope = cast(Scope, received.scope)
            if self.pipeline and self.pipeline[0][0] is received:
                self.pipeline.popleft()
            elif received.response_started:
                self.transport.close()  # there is no taking it back
                return
            else:
                self._answering = None
        self._refusal = problem
        if self._answering is None or self._answering.response_complete:
            self._send_refusal()

    def _send_refusal(self) -> None:
        problem = self._refusal
        assert problem is not None
        identity = token_hex(16)
        token = current_request.set(CurrentRequest(identity))
        logger.debug("refused: %s", problem)
        scope = self._refused_scope
        response = problem.response() if scope is None else problem.answer(scope)
        current_request.reset(token)
        headers = [
            *self.server_state.default_headers,
            *response.raw_headers,
            (b"x-request-id", identity.encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + bytes(response.body))
        self._receiving = True  # linger, whatever it was that came
        self.transport.close()

    # Answers

    def _take_turn(self) -> None:
        """Begin to answer now or later, or refuse to."""
        raise NotImplementedError

    def on_response_complete(self) -> None:
        """Go on with the next request, or be idle: as uvicorn, but without a timer for each."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_patience.renew()
        self.flow.resume_reading()
        if self.pipeline:
            self._answering = self.pipeline.pop()[0]
            self._take_turn()
        elif self._refusal is not None:
            self._send_refusal()
        elif self.cycle.more_body:
            self._linger()  # if the rest is short, the connection can be used again

    # Time

    def on_tick(self, seconds: float) -> None:
        """Give up on what takes too long; only time in which the client is awaited counts."""
        transport = self.transport
        untaken = transport.untaken_bytes()
        taken = transport.written_bytes - untaken
        if not untaken:
            self._taken_bytes = None
        elif self._taken_bytes is None:
            self._taken_bytes = taken
            self._send_patience.renew()
        elif self._send_patience.is_lost(seconds, taken - self._taken_bytes):
            logger.debug("gave up on a client that does not read its answer")
            self._reset()
            return
        if transport.raw.is_closing():
            return
        awaited = untaken or (self._receiving and not self.flow.read_paused)
        if self._stop_patience is not None and awaited and self._stop_patience.is_lost(seconds):
            self._stop()
        elif self._linger_bytes is not None:
            if not untaken and self._linger_patience.is_lost(seconds):
                transport.raw.close()
        elif self._receiving:
            if awaited and self._read_patience.is_lost(seconds, self._received_bytes):
                self._give_up_reading()
        elif (
            self._answering is None or self._answering.response_complete
        ) and self._idle_patience.is_lost(0 if untaken else seconds):
            transport.close()

    def _give_up_reading(self) -> None:
        if self._begun:
            self.refuse(Problem(408, "The request did not arrive in time."))
        elif self._answering is None or self._answering.response_complete:
            self.transport.raw.close()

    def _reset(self) -> None:
        """Close at once, and have the system forget what it still holds for the client."""
        connection = self.transport.raw.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.raw.abort()

    def _stop(self) -> None:
        if self._begun and self._receiving and not self._deaf:
            detail = "The service is stopping."
            self.refuse(Problem(503, detail, headers={"Retry-After": "1"}))
        else:
            self._reset()


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Let the application see that the client is gone."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


def _leave_little_unsent(transport: asyncio.Transport) -> None:
    """Have the system take large answers only as fast as they are read, where it can.

    Otherwise it would copy megabytes at once, while all other requests wait, and hold them for each
    client that does not read.
    """
    connection = transport.get_extra_info("socket")
    if sys.platform == "linux" and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
