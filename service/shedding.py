"""A connection whose POSTs take turns with those of others, and are refused beyond that.

Other requests, those for health and metrics among them, are begun at once.
"""

from typing import Any

from uvicorn._types import ASGI3Application

from service.connection import Connection
from service.cycle import Cycle


class Shedding(Connection):
    """Begins requests when it is their turn."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._has_arrived = False  # one that is to be answered, or its head
        self._waiting: Cycle | None = None  # for its turn

    def _start_asgi_task(self, cycle: Cycle, app: ASGI3Application) -> None:  # type: ignore[override]
        """Begin to answer now or later, or refuse to."""
        self._answering = cycle
        self._has_arrived = False
        admission = self.guard.admission
        if admission.may_begin(self.loop) or cycle.scope["method"] != "POST":
            super()._start_asgi_task(cycle, app)
        elif admission.is_overloaded():
            self._refuse_one(cycle)
        else:
            self._waiting = cycle
            admission.wait(self)

    def begin(self) -> None:
        """Have the application answer, if the client is still there."""
        cycle, self._waiting = self._waiting, None
        if cycle is not None and not cycle.disconnected:
            super()._start_asgi_task(cycle, self.app)

    def _refuse_one(self, cycle: Cycle) -> None:
        """Refuse a request; what is still to come of its body is forgotten."""
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

    def _shed(self, data: bytes) -> bool:
        """Refuse all that has come, without a closer look; whether that was possible."""
        if (
            (self._receiving and (self._begun or self._received_bytes))
            or self._deaf
            or self.guard.stop.begun
            or self.pipeline
            or not (self._answering is None or self._answering.response_complete)
            or self.transport.is_closing()
            or not self.guard.admission.is_overloaded()
        ):
            return False
        answers = self.guard.admission.refusals.answers(data, self.server_state.default_headers)
        if not answers:
            return False
        self._receiving = False
        self._idle_patience.renew()
        self.transport.write(b"".join(answers))
        self.server_state.total_requests += len(answers)
        self._tell_refused(len(answers))
        return True

    def _tell_refused(self, requests: int) -> None:
        self.guard.admission.refused()
        told = self.app_state.get("refused")
        if told is not None:
            told(requests)
