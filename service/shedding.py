"""A connection whose small requests take turns with those of others, and are refused beyond that."""

from time import monotonic
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.body import declared_bytes
from service.connection import Connection
from service.refusals import CHECKS

SMALL_BYTES: Final = 32 * 1024  # of a body; with more, a request waits for a thread, not here


class Shedding(Connection):
    """Begins small requests when their bodies have arrived and it is their turn."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._arriving: RequestResponseCycle | None = None  # it begins when its body is here

    def _take_turn(self, cycle: RequestResponseCycle) -> None:
        """Begin a request now or later, or refuse it."""
        self._answering = cycle
        admission = self.guard.admission
        if cycle.more_body or admission.may_begin(self.loop):
            self.begin()
            return
        url: bytes = cycle.scope["raw_path"]
        if url.startswith(CHECKS):
            self.begin()
        elif admission.is_overloaded():
            self._refuse_one(cycle, url)
        else:
            admission.wait(self)

    def begin(self) -> None:
        """Have the application answer, if the client is still there."""
        cycle = self._answering
        assert cycle is not None
        if cycle.disconnected:
            return
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _begin_large(self) -> None:
        """Begin what is large, or waits to be asked for its body, while that arrives."""
        cycle = self._arriving
        assert cycle is not None
        if (
            cycle.waiting_for_100_continue
            or len(cycle.body) > SMALL_BYTES
            or declared_bytes(cycle.scope) > SMALL_BYTES
        ):
            self._arriving = None
            self._take_turn(cycle)

    def _refuse_one(self, cycle: RequestResponseCycle, url: bytes) -> None:
        """Refuse a request that has arrived."""
        answer = self.guard.refusals.answer(url, self.server_state.default_headers)
        if cycle.scope["method"] == "HEAD":
            answer = answer[: answer.index(b"\r\n\r\n") + 4]
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
            or self.pipeline
            or not (self._answering is None or self._answering.response_complete)
            or self.transport.is_closing()
            or not self.guard.admission.is_overloaded()
        ):
            return False
        answers = self.guard.refusals.answers(data, self.server_state.default_headers)
        if not answers:
            return False
        self._receiving = False
        self._idle_patience.renew()
        self.transport.write(b"".join(answers))
        self.server_state.total_requests += len(answers)
        self._tell_refused(len(answers))
        return True

    def _tell_refused(self, requests: int) -> None:
        self.guard.admission.refused(monotonic())
        told = self.app_state.get("refused")
        if told is not None:
            told(requests)
