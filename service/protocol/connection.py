"""uvicorn's HTTP/1.1 connection with deadlines, connection limits and problem+json rejections."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.lifecycle import GRACE_SECONDS, Lifecycle, shutting_down
from service.overload.admission import Admission
from service.problems import Problem, rejected_scope
from service.protocol.allowed_hosts import AllowedHosts
from service.protocol.request_cycle import RequestCycle
from service.protocol.timeouts import Deadline, DeadlineTimer
from service.protocol.transport import MeteredTransport
from service.settings import Settings

logger = logging.getLogger(__name__)

# After a response the rest of its request is read and discarded, so that the client can read the
# response: closing at once would reset the connection. Fixed limits.
LINGER_BYTES: Final = 1024 * 1024
LINGER_SECONDS: Final = 1.0
MAX_REJECTED_CONNECTIONS: Final = 64  # that linger at the same time
STALLED_SHARE: Final = 0.8  # of GRACE_SECONDS, for clients that still send or read
# An idle connection stays open for this time, and up to two ticks longer, when the server closes:
# a request that is already on the way is answered.
CLOSE_IDLE_SECONDS: Final = 0.25


class ConnectionContext:
    """State that the connections of one process share.

    Args:
        settings: The settings of the service.
        lifecycle: The lifecycle of the process.
        count_rejected: Counts requests that are rejected without calling the application.
    """

    def __init__(
        self, settings: Settings, lifecycle: Lifecycle, count_rejected: Callable[[int], None]
    ) -> None:
        self.settings = settings
        self.lifecycle = lifecycle
        self.count_rejected = count_rejected
        self.allowed_hosts = AllowedHosts(settings.hosts)
        self.deadline_timer = DeadlineTimer()
        self.admission = Admission()
        self.by_address: Counter[str] = Counter()
        self.rejected_connections = 0


class Connection(HttpToolsProtocol):
    """One connection with deadlines and limits; a subclass parses the input.

    Args:
        *arguments: Arguments of uvicorn's protocol.
        context: State shared with the other connections of the process.
        **named: Arguments of uvicorn's protocol.
    """

    transport: MeteredTransport
    cycle: RequestCycle
    pipeline: deque[tuple[RequestCycle, ASGI3Application]]  # type: ignore[assignment]

    def __init__(self, *arguments: Any, context: ConnectionContext, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.context = context
        settings = context.settings
        # True from the connection's start, or a message's first byte, to the message's end.
        self._receiving = True
        self._message_started = False  # more than empty lines has arrived of the message
        self._received_bytes = 0  # of the message's head, then of the rest of the message
        self._active_cycle: RequestCycle | None = None  # the request that is being answered
        self._pending_rejection: Problem | None = None  # to send after the responses that are due
        self._ignoring_input = False  # further input is discarded
        self._linger_bytes_left: int | None = None  # input to discard before the connection closes
        self._read_deadline = Deadline(settings.receive_timeout_seconds)
        self._send_deadline = Deadline(settings.send_timeout_seconds)
        self._idle_deadline = Deadline(settings.keep_alive_seconds)
        self._linger_deadline = Deadline(LINGER_SECONDS)
        self._shutdown_deadline: Deadline | None = None
        self._close_idle_deadline = Deadline(CLOSE_IDLE_SECONDS)
        self._last_keep_alive = False  # the last request would have left the connection open
        # The acknowledged bytes at the time when the client began to owe acknowledgements.
        self._acknowledged_at_start: int | None = None
        self._client_address = ""
        self._counted_by_address = False
        self._rejected = False

    # Opening and closing

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or reject it with 503 if a connection limit is exceeded."""
        super().connection_made(transport)
        self.transport = MeteredTransport(transport, self._close)
        context, settings = self.context, self.context.settings
        context.deadline_timer.add(self, self.loop)
        self._client_address = self.client[0] if self.client else ""
        max_per_address = settings.max_connections_per_address
        if len(self.connections) > settings.max_connections or (
            max_per_address and context.by_address[self._client_address] >= max_per_address
        ):
            self._reject_connection()
            return
        self._counted_by_address = True
        context.by_address[self._client_address] += 1

    def _reject_connection(self) -> None:
        self.connections.discard(self)
        if self.context.rejected_connections >= MAX_REJECTED_CONNECTIONS:
            self.transport.raw.abort()
            return
        self._rejected = True
        self.context.rejected_connections += 1
        detail = "The service has too many open connections; retry after 1 s."
        self.reject_request(Problem(503, detail, headers={"Retry-After": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        context = self.context
        context.deadline_timer.discard(self)
        if self._rejected:
            context.rejected_connections -= 1
        if self._counted_by_address:
            context.by_address[self._client_address] -= 1
            if not context.by_address[self._client_address]:
                del context.by_address[self._client_address]
        if self._active_cycle is not None:  # uvicorn notifies only the last one of a pipeline
            _mark_disconnected(self._active_cycle)
        self.pipeline.clear()
        super().connection_lost(exc)

    def drain(self) -> None:
        """Close the connection after the last response that is due."""
        if not self._is_idle() and self.cycle is not None:
            self._last_keep_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def shutdown(self) -> None:
        """Finish the current requests, and those that just arrive, within the grace period."""
        self._shutdown_deadline = Deadline(STALLED_SHARE * GRACE_SECONDS)

    def abort(self) -> None:
        """Reject the requests that are not answered; called near the end of the grace period."""
        cycle = self._active_cycle
        if self._linger_bytes_left is not None or self._is_idle():
            self.transport.raw.close()
        elif cycle is None or cycle.response_started or self._ignoring_input:
            self._reject_or_reset()
        else:
            _mark_disconnected(cycle)
            self.pipeline.clear()
            self._ignoring_input = True
            self._send_rejection(shutting_down(), cycle.scope)

    def _is_idle(self) -> bool:
        """Return True if the connection waits for the first byte of a request."""
        answered = self._active_cycle is None or self._active_cycle.response_complete
        return answered and not (self._receiving and self._message_started)

    def _close(self) -> None:
        """Close after the written bytes are sent, and after discarding some of the input."""
        raw = self.transport.raw
        # When the process stops, the server is the one that closes, and the client may be sending
        # another request.
        if raw.is_closing() or not (self._receiving or self.context.lifecycle.stopping):
            raw.close()
            return
        if raw.can_write_eof():
            raw.write_eof()
        self._ignoring_input = True
        self._linger()

    def _linger(self) -> None:
        self._linger_bytes_left = LINGER_BYTES
        self._linger_deadline.reset()
        self.flow.resume_reading()

    # Rejections

    def reject_request(self, problem: Problem) -> None:
        """Reject the arriving request after all earlier responses, then close the connection."""
        if self._ignoring_input or self.transport.is_closing():
            return
        self._ignoring_input = True
        logger.debug("request_rejected", extra={"status": problem.status, "detail": problem.detail})
        arriving = self.cycle if self.cycle is not None and self.cycle.more_body else None
        if arriving is None:
            self._pending_rejection = problem
            if self._active_cycle is None or self._active_cycle.response_complete:
                self._send_rejection(problem)
        elif arriving.response_started:
            self.transport.close()  # the status is already sent
        else:
            arriving.reject(problem)

    def _send_rejection(self, problem: Problem, request: HTTPScope | None = None) -> None:
        """Respond with a problem through the application, so that it is counted and logged.

        Args:
            problem: The response.
            request: The scope of the rejected request; None if the input is not a request.
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
        }
        rejected = cast(HTTPScope, rejected_scope(scope, problem))
        self.cycle = self._new_cycle(rejected, keep_alive=False)
        self.cycle.more_body = False
        self._receiving = True  # linger afterwards, whatever the input was
        self._start_asgi_task(self.cycle, self.app)

    # Responses

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
        self._active_cycle = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        """Start the next request, or become idle; unlike uvicorn, without a timer per request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_deadline.reset()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._pending_rejection is not None:
            self._send_rejection(self._pending_rejection)
        elif self.cycle.more_body:
            self._linger()  # the connection can be used again if the rest of the body is short

    # Deadlines

    def on_tick(self, seconds: float) -> None:
        """Enforce all deadlines; only time in which the service waits for the client counts."""
        transport = self.transport
        unacknowledged = transport.unacknowledged_bytes()
        acknowledged = transport.written_bytes - unacknowledged
        if not unacknowledged:
            self._acknowledged_at_start = None
        elif self._acknowledged_at_start is None:
            self._acknowledged_at_start = acknowledged
            self._send_deadline.reset()
        elif self._send_deadline.expired(seconds, acknowledged - self._acknowledged_at_start):
            logger.debug("send_timeout")
            self.transport.reset()
            return
        if transport.raw.is_closing():
            return
        shutdown_deadline = self._shutdown_deadline
        if shutdown_deadline is not None and self._linger_bytes_left is None and self._is_idle():
            if self._close_idle_deadline.expired(seconds):
                self._close_idle()
            return
        awaiting_client = unacknowledged or (self._receiving and not self.flow.read_paused)
        if shutdown_deadline is not None and awaiting_client and shutdown_deadline.expired(seconds):
            self._reject_or_reset()
        elif self._linger_bytes_left is not None:
            if not unacknowledged and self._linger_deadline.expired(seconds):
                transport.raw.close()
        elif self._receiving:
            if awaiting_client and self._read_deadline.expired(seconds, self._received_bytes):
                self._on_read_timeout()
        elif self._is_idle() and self._idle_deadline.expired(0 if unacknowledged else seconds):
            self._close_idle()

    def _close_idle(self) -> None:
        """Close an idle connection, unless received bytes are about to be read."""
        if not self.transport.unread_bytes():
            self.transport.raw.close()

    def _on_read_timeout(self) -> None:
        if self._message_started:
            self.reject_request(Problem(408, "The request did not arrive in time."))
        elif self._active_cycle is None or self._active_cycle.response_complete:
            self.transport.raw.close()

    def _reject_or_reset(self) -> None:
        """Reject a request that is arriving; otherwise reset the connection."""
        if self._message_started and self._receiving and not self._ignoring_input:
            self.reject_request(shutting_down())
        else:
            self.transport.reset()


def _mark_disconnected(cycle: RequestCycle) -> None:
    """Signal to the application that the client has disconnected."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()
