"""A connection whose POSTs take turns with those of others, and may be refused in an overload.

Other requests, those for health and metrics among them, are begun at once.
"""

from typing import Any

from uvicorn._types import ASGI3Application

from service.protocol.connection import Connection
from service.protocol.request_cycle import RequestCycle


class LoadShedding(Connection):
    """Begins requests when it is their turn."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._has_arrived = False  # one that is to be answered, or its head
        self._waiting: RequestCycle | None = None  # for its turn
        self._unread = b""  # what waits for it, in an overload: not parsed yet
        self._decided: bool | None = None  # to begin or to refuse what is about to arrive

    def _start_asgi_task(self, cycle: RequestCycle, app: ASGI3Application) -> None:  # type: ignore[override]
        """Begin to answer, now or later, or refuse to."""
        self._answering = cycle
        self._has_arrived = False
        decided, self._decided = self._decided, None
        if decided is False and cycle.scope["method"] == "POST":
            self._reject_one(cycle)
        elif (
            decided is not None
            or self.context.admission.try_admit(self.loop)
            or cycle.scope["method"] != "POST"
        ):
            super()._start_asgi_task(cycle, app)
        else:
            self._waiting = cycle
            self.context.admission.enqueue(self)

    def _defer(self, data: bytes) -> bool:
        """Have what came wait for its turn unread, as then a refusal costs little; whether that is
        possible.
        """
        if (
            not data.startswith(b"POST ")
            or (self._receiving and (self._begun or self._received_bytes))
            or self._deaf
            or self.context.lifecycle.stopping
            or self.pipeline
            or not (self._answering is None or self._answering.response_complete)
            or self.transport.is_closing()
        ):
            return False
        self._unread = data
        self._receiving = False
        self.context.admission.enqueue(self)
        return True

    def _defer_more(self, data: bytes) -> None:
        """What came after what waits has to wait too, and nothing more is taken in."""
        self._unread += data
        self.flow.pause_reading()

    def begin(self) -> None:
        """Have the application answer, if the client is still there."""
        cycle, self._waiting = self._waiting, None
        if self._unread:
            self._resume(begin=True)
        elif cycle is not None and not cycle.disconnected:
            super()._start_asgi_task(cycle, self.app)

    def _resume(self, *, begin: bool) -> None:
        data, self._unread = self._unread, b""
        if self.transport.is_closing():
            return
        self._decided = begin
        self.flow.resume_reading()
        self.data_received(data)
        self._decided = None

    def reject(self) -> None:
        """Refuse, if the client is still there; what is still to come of a body is forgotten."""
        if self._unread:
            self._reject_unread()
        cycle, self._waiting = self._waiting, None
        if cycle is not None and not cycle.disconnected:
            self._reject_one(cycle)

    def _reject_unread(self) -> None:
        headers = self.server_state.default_headers
        answers = self.context.admission.rejections.answers(self._unread, headers)
        if not answers or self.transport.is_closing():  # it needs a closer look
            self._resume(begin=False)
            return
        self._unread = b""
        self._idle_deadline.reset()
        self.flow.resume_reading()
        self.transport.write(b"".join(answers))
        self.server_state.total_requests += len(answers)
        self._count_rejected(len(answers))

    def _reject_one(self, cycle: RequestCycle) -> None:
        url, headers = cycle.scope["raw_path"], self.server_state.default_headers
        answer = self.context.admission.rejections.answer(url, headers)
        if not cycle.keep_alive:
            answer = answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        if not cycle.keep_alive:
            self.transport.close()
        self._count_rejected(1)
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it, and what waits."""
        self._unread = b""
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return not self._unread and super()._is_idle()

    def _count_rejected(self, requests: int) -> None:
        told = self.app_state.get("refused")
        if told is not None:
            told(requests)
