"""Admission control of a connection's POST requests, and cheap rejections under overload.

Other requests, such as health checks and metrics, start at once.
"""

from typing import Any

from uvicorn._types import ASGI3Application

from service.protocol.connection import Connection
from service.protocol.request_cycle import RequestCycle


class LoadShedding(Connection):
    """A connection that starts POST requests when `Admission` admits them.

    Args:
        *arguments: Arguments of `Connection`.
        **named: Arguments of `Connection`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._request_ready = False  # a request to answer has arrived, or its head
        self._queued_cycle: RequestCycle | None = None  # waits for admission
        self._deferred_data = b""  # under overload: received, not parsed, waits for admission
        # True to start the deferred request, False to reject it, None without a decision.
        self._decision: bool | None = None

    def _start_asgi_task(self, cycle: RequestCycle, app: ASGI3Application) -> None:  # type: ignore[override]
        """Start a request now, queue it, or reject it."""
        self._active_cycle = cycle
        self._request_ready = False
        decision, self._decision = self._decision, None
        if decision is False and cycle.scope["method"] == "POST":
            self._reject_one(cycle)
        elif (
            decision is not None
            or self.context.admission.try_admit(self.loop)
            or cycle.scope["method"] != "POST"
        ):
            super()._start_asgi_task(cycle, app)
        else:
            self._queued_cycle = cycle
            self.context.admission.enqueue(self)

    def _defer(self, data: bytes) -> bool:
        """Queue received data unparsed if possible, since rejecting it then costs little.

        Returns:
            False if the data must be parsed now: it is not the start of a POST request on a
            connection that waits for one.
        """
        if (
            not data.startswith(b"POST ")
            or (self._receiving and (self._message_started or self._received_bytes))
            or self._ignoring_input
            or self.context.lifecycle.stopping
            or self.pipeline
            or not (self._active_cycle is None or self._active_cycle.response_complete)
            or self.transport.is_closing()
        ):
            return False
        self._deferred_data = data
        self._receiving = False
        self.context.admission.enqueue(self)
        return True

    def _defer_more(self, data: bytes) -> None:
        """Append to the deferred data, and pause reading."""
        self._deferred_data += data
        self.flow.pause_reading()

    def begin(self) -> None:
        """Start the queued request if the client is still connected."""
        cycle, self._queued_cycle = self._queued_cycle, None
        if self._deferred_data:
            self._resume(begin=True)
        elif cycle is not None and not cycle.disconnected:
            super()._start_asgi_task(cycle, self.app)

    def _resume(self, *, begin: bool) -> None:
        """Parse the deferred data, and start or reject its first request."""
        data, self._deferred_data = self._deferred_data, b""
        if self.transport.is_closing():
            return
        self._decision = begin
        self.flow.resume_reading()
        self.data_received(data)
        self._decision = None

    def reject(self) -> None:
        """Reject the queued request if the client is still connected.

        The rest of its body is discarded.
        """
        if self._deferred_data:
            self._reject_deferred()
        cycle, self._queued_cycle = self._queued_cycle, None
        if cycle is not None and not cycle.disconnected:
            self._reject_one(cycle)

    def _reject_deferred(self) -> None:
        headers = self.server_state.default_headers
        responses = self.context.admission.rejections.write_all(self._deferred_data, headers)
        if not responses or self.transport.is_closing():  # the data needs full parsing
            self._resume(begin=False)
            return
        self._deferred_data = b""
        self._idle_deadline.reset()
        self.flow.resume_reading()
        self.transport.write(b"".join(responses))
        self.server_state.total_requests += len(responses)
        self.context.count_rejected(len(responses))

    def _reject_one(self, cycle: RequestCycle) -> None:
        url, headers = cycle.scope["raw_path"], self.server_state.default_headers
        response = self.context.admission.rejections.write(url, headers)
        if not cycle.keep_alive:
            response = response.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(response)
        if not cycle.keep_alive:
            self.transport.close()
        self.context.count_rejected(1)
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deferred_data = b""
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return not self._deferred_data and super()._is_idle()
