"""A connection whose POSTs take turns with those of others, and may be refused in an overload.

Other requests, those for health and metrics among them, are begun at once.
"""

from typing import Any

from uvicorn._types import ASGI3Application

from service.protocol.connection import Connection
from service.protocol.request_cycle import Cycle


class Shedding(Connection):
    """Begins requests when it is their turn."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._has_arrived = False  # one that is to be answered, or its head
        self._waiting: Cycle | None = None  # for its turn
        self._unread = b""  # what waits for it, in an overload: not parsed yet
        self._decided: bool | None = None  # to begin or to refuse what is about to arrive

    def _start_asgi_task(self, cycle: Cycle, app: ASGI3Application) -> None:  # type: ignore[override]
        """Begin to answer, now or later, or refuse to."""
        self._answering = cycle
        self._has_arrived = False
        decided, self._decided = self._decided, None
        if decided is False and cycle.scope["method"] == "POST":
            self._turn_down_one(cycle)
        elif (
            decided is not None
            or self.guard.admission.may_begin(self.loop)
            or cycle.scope["method"] != "POST"
        ):
            super()._start_asgi_task(cycle, app)
        else:
            self._waiting = cycle
            self.guard.admission.wait(self)

    def _put_off(self, data: bytes) -> bool:
        """Have what came wait for its turn unread, as then a refusal costs little; whether that is
        possible."""
        if (
            not data.startswith(b"POST ")
            or (self._receiving and (self._begun or self._received_bytes))
            or self._deaf
            or self.guard.stop.begun
            or self.pipeline
            or not (self._answering is None or self._answering.response_complete)
            or self.transport.is_closing()
        ):
            return False
        self._unread = data
        self._receiving = False
        self.guard.admission.wait(self)
        return True

    def _put_off_more(self, data: bytes) -> None:
        """What came after what waits has to wait too, and nothing more is taken in."""
        self._unread += data
        self.flow.pause_reading()

    def begin(self) -> None:
        """Have the application answer, if the client is still there."""
        cycle, self._waiting = self._waiting, None
        if self._unread:
            self._read_on(begin=True)
        elif cycle is not None and not cycle.disconnected:
            super()._start_asgi_task(cycle, self.app)

    def _read_on(self, *, begin: bool) -> None:
        data, self._unread = self._unread, b""
        if self.transport.is_closing():
            return
        self._decided = begin
        self.flow.resume_reading()
        self.data_received(data)
        self._decided = None

    def turn_down(self) -> None:
        """Refuse, if the client is still there; what is still to come of a body is forgotten."""
        if self._unread:
            self._turn_down_unread()
        cycle, self._waiting = self._waiting, None
        if cycle is not None and not cycle.disconnected:
            self._turn_down_one(cycle)

    def _turn_down_unread(self) -> None:
        headers = self.server_state.default_headers
        answers = self.guard.admission.refusals.answers(self._unread, headers)
        if not answers or self.transport.is_closing():  # it needs a closer look
            self._read_on(begin=False)
            return
        self._unread = b""
        self._idle_patience.renew()
        self.flow.resume_reading()
        self.transport.write(b"".join(answers))
        self.server_state.total_requests += len(answers)
        self._tell_refused(len(answers))

    def _turn_down_one(self, cycle: Cycle) -> None:
        url, headers = cycle.scope["raw_path"], self.server_state.default_headers
        answer = self.guard.admission.refusals.answer(url, headers)
        if not cycle.keep_alive:
            answer = answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        if not cycle.keep_alive:
            self.transport.close()
        self._tell_refused(1)
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it, and what waits."""
        self._unread = b""
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return not self._unread and super()._is_idle()

    def _tell_refused(self, requests: int) -> None:
        told = self.app_state.get("refused")
        if told is not None:
            told(requests)
