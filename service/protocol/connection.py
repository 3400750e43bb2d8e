"""A connection that may be one too many, slow, or in need of a refusal: uvicorn's, on its guard."""

import asyncio
import logging
from collections import Counter, deque
from typing import Any, Final, cast

from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.lifecycle import GRACE_SECONDS, Lifecycle, shutting_down
from service.overload.admission import Admission
from service.problems import REFUSAL, Problem
from service.protocol.allowed_hosts import AllowedHosts
from service.protocol.request_cycle import RequestCycle
from service.protocol.timeouts import Deadline, DeadlineTimer
from service.protocol.transport import MeteredTransport
from service.settings import Settings

logger = logging.getLogger(__name__)

# After an answer the rest of a request is read, and forgotten, so that the client can read the
# answer: closing at once would reset the connection.
LINGER_BYTES: Final = 1024 * 1024
LINGER_SECONDS: Final = 1.0
MAX_REJECTED_CONNECTIONS: Final = 64  # that linger at the same time
STALLED_SHARE: Final = 0.8  # of them, for what clients still send or read
# A connection without a request stays so much longer when the server closes: what its client has
# just sent is on the way, and is answered.
CLOSE_IDLE_SECONDS: Final = 0.25  # and up to two ticks


class ConnectionContext:
    """What the connections of one process share."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle) -> None:
        self.settings = settings
        self.lifecycle = lifecycle
        self.allowed_hosts = AllowedHosts(settings.hosts)
        self.deadline_timer = DeadlineTimer()
        self.admission = Admission()
        self.by_address: Counter[str] = Counter()
        self.rejected_connections = 0


class Connection(HttpToolsProtocol):
    """One connection, with deadlines and caps; what comes in is parsed by a subclass."""

    transport: MeteredTransport
    cycle: RequestCycle
    pipeline: deque[tuple[RequestCycle, ASGI3Application]]  # type: ignore[assignment]

    def __init__(self, *arguments: Any, context: ConnectionContext, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.context = context
        settings = context.settings
        self._receiving = True  # from a message's first byte, or the connection's start, to the end
        self._begun = False  # more has come of the message than empty lines
        self._received_bytes = 0  # of the message's head, then of the rest of it
        self._answering: RequestCycle | None = None
        self._refusal: Problem | None = None  # to be sent after the answers that are due
        self._deaf = False  # what comes is forgotten
        self._linger_bytes: int | None = None  # so much may come before the connection is closed
        self._read_deadline = Deadline(settings.receive_timeout_seconds)
        self._send_deadline = Deadline(settings.send_timeout_seconds)
        self._idle_deadline = Deadline(settings.keep_alive_seconds)
        self._linger_deadline = Deadline(LINGER_SECONDS)
        self._stop_deadline: Deadline | None = None
        self._parting_deadline = Deadline(CLOSE_IDLE_SECONDS)
        self._kept_last = False  # whether the last request would have left the connection open
        self._taken_bytes: int | None = None  # when the client began to be awaited
        self._address = ""
        self._counted = False
        self._rejected = False

    # Its beginning and end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, unless there are too many."""
        super().connection_made(transport)
        self.transport = MeteredTransport(transport, self._close)
        context, settings = self.context, self.context.settings
        context.deadline_timer.add(self, self.loop)
        self._address = self.client[0] if self.client else ""
        most = settings.max_connections_per_address
        if len(self.connections) > settings.max_connections or (
            most and context.by_address[self._address] >= most
        ):
            self._reject_connection()
            return
        self._counted = True
        context.by_address[self._address] += 1

    def _reject_connection(self) -> None:
        self.connections.discard(self)
        if self.context.rejected_connections >= MAX_REJECTED_CONNECTIONS:
            self.transport.raw.abort()
            return
        self._rejected = True
        self.context.rejected_connections += 1
        detail = "There are too many connections; try again soon."
        self.refuse(Problem(503, detail, headers={"Retry-After": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        context = self.context
        context.deadline_timer.discard(self)
        if self._rejected:
            context.rejected_connections -= 1
        if self._counted:
            context.by_address[self._address] -= 1
            if not context.by_address[self._address]:
                del context.by_address[self._address]
        if self._answering is not None:  # uvicorn tells the last of a pipeline only
            _disconnect(self._answering)
        self.pipeline.clear()
        super().connection_lost(exc)

    def drain(self) -> None:
        """Have the last answer that is due close it."""
        if not self._is_idle() and self.cycle is not None:
            self._kept_last, self.cycle.keep_alive = self.cycle.keep_alive, False

    def shutdown(self) -> None:
        """Finish what is under way, or is just coming, within the server's grace."""
        self._stop_deadline = Deadline(STALLED_SHARE * GRACE_SECONDS)

    def give_up(self) -> None:
        """Refuse what is not answered by now."""
        cycle = self._answering
        if self._linger_bytes is not None or self._is_idle():
            self.transport.raw.close()
        elif cycle is None or cycle.response_started or self._deaf:
            self._stop()
        else:
            _disconnect(cycle)
            self.pipeline.clear()
            self._deaf = True
            self._send_refusal(shutting_down(), cycle.scope)

    def _is_idle(self) -> bool:
        """Whether it waits for a request's first byte."""
        answered = self._answering is None or self._answering.response_complete
        return answered and not (self._receiving and self._begun)

    def _close(self) -> None:
        """Close after what was written is sent, and after some of what is still to come."""
        raw = self.transport.raw
        # Told to stop, it is the server that closes, and the client may be sending one more.
        if raw.is_closing() or not (self._receiving or self.context.lifecycle.stopping):
            raw.close()
            return
        if raw.can_write_eof():
            raw.write_eof()
        self._deaf = True
        self._linger()

    def _linger(self) -> None:
        self._linger_bytes = LINGER_BYTES
        self._linger_deadline.reset()
        self.flow.resume_reading()

    # Refusals

    def refuse(self, problem: Problem) -> None:
        """Have the request that arrives answered so, once all earlier ones are; then close."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        logger.debug("refused: %s", problem)
        arriving = self.cycle if self.cycle is not None and self.cycle.more_body else None
        if arriving is None:
            self._refusal = problem
            if self._answering is None or self._answering.response_complete:
                self._send_refusal(problem)
        elif arriving.response_started:
            self.transport.close()  # there is no taking it back
        else:
            arriving.refuse(problem)

    def _send_refusal(self, problem: Problem, request: HTTPScope | None = None) -> None:
        """Have the application answer so, that it is counted and logged: what is no request, if
        there is none.
        """
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": "",
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "headers": [],
            "state": self.app_state.copy(),
            **cast(dict[str, Any], request or {}),
            REFUSAL: problem,
        }
        self.cycle = self._new_cycle(cast(HTTPScope, scope), keep_alive=False)
        self.cycle.more_body = False
        self._receiving = True  # linger afterwards, whatever it was that came
        self._start_asgi_task(self.cycle, self.app)

    # Answers

    def _new_cycle(self, scope: HTTPScope, *, keep_alive: bool) -> RequestCycle:
        return RequestCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )

    def _start_asgi_task(self, cycle: RequestCycle, app: ASGI3Application) -> None:  # type: ignore[override]
        self._answering = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        """Go on with the next request, or be idle: as uvicorn, but without a timer for each."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_deadline.reset()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal is not None:
            self._send_refusal(self._refusal)
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
            self._send_deadline.reset()
        elif self._send_deadline.expired(seconds, taken - self._taken_bytes):
            logger.debug("gave up on a client that does not read its answer")
            self.transport.reset()
            return
        if transport.raw.is_closing():
            return
        if self._stop_deadline is not None and self._linger_bytes is None and self._is_idle():
            if self._parting_deadline.expired(seconds):
                self._part()
            return
        awaited = untaken or (self._receiving and not self.flow.read_paused)
        if self._stop_deadline is not None and awaited and self._stop_deadline.expired(seconds):
            self._stop()
        elif self._linger_bytes is not None:
            if not untaken and self._linger_deadline.expired(seconds):
                transport.raw.close()
        elif self._receiving:
            if awaited and self._read_deadline.expired(seconds, self._received_bytes):
                self._give_up_reading()
        elif self._is_idle() and self._idle_deadline.expired(0 if untaken else seconds):
            self._part()

    def _part(self) -> None:
        """Close it, being idle, unless a request has come that is read in a moment."""
        if not self.transport.unread_bytes():
            self.transport.raw.close()

    def _give_up_reading(self) -> None:
        if self._begun:
            self.refuse(Problem(408, "The request did not arrive in time."))
        elif self._answering is None or self._answering.response_complete:
            self.transport.raw.close()

    def _stop(self) -> None:
        if self._begun and self._receiving and not self._deaf:
            self.refuse(shutting_down())
        else:
            self.transport.reset()


def _disconnect(cycle: RequestCycle) -> None:
    """Let the application see that the client is gone."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()
