"""What a process has been told about its end, by signals or by the process that supervises it."""

import math
import signal
from enum import IntEnum
from time import monotonic
from types import FrameType
from typing import Final

from service.problems import Problem


class Phase(IntEnum):
    """How far the stop has come."""

    SERVING = 0
    DRAINING = 1  # not ready any more, but answers, so that load balancers leave first
    CLOSING = 2  # takes no new connections, and finishes what is under way
    FORCED = 3  # finishes nothing


class Lifecycle:
    """How far the stop of this process has come; told from signal handlers and from any thread.

    drain_seconds: between being told to stop and closing. all_workers: whether no other process
    goes on with what waits at the same port.
    """

    def __init__(self, drain_seconds: float, *, all_workers: bool = True) -> None:
        self.drain_seconds = drain_seconds
        self.all_workers = all_workers
        self.phase = Phase.SERVING
        self.close_at = math.inf  # of the monotonic clock

    @property
    def stopping(self) -> bool:
        """Whether it is to stop."""
        return self.phase > Phase.SERVING

    @property
    def drained(self) -> bool:
        """Whether it is time to close."""
        return monotonic() >= self.close_at

    @property
    def forced(self) -> bool:
        """Whether it is to end at once."""
        return self.phase == Phase.FORCED

    def advance_to(self, phase: Phase) -> None:
        """Go so far, if it has not yet."""
        if phase <= self.phase:
            return
        drain_seconds = self.drain_seconds if phase == Phase.DRAINING else 0
        self.close_at = min(self.close_at, monotonic() + drain_seconds)
        self.phase = phase

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: the first begins the stop, the second ends the drain, and then one
        more Ctrl-C does not wait for anybody.
        """
        if not self.stopping:
            self.advance_to(Phase.DRAINING)
        elif not self.drained:
            self.advance_to(Phase.CLOSING)
        elif number == signal.SIGINT:
            self.advance_to(Phase.FORCED)

    def require_serving(self) -> None:
        """Raise Problem (503) once it is to stop."""
        if self.stopping:
            raise shutting_down()


def shutting_down() -> Problem:
    """What is answered to whom a stopping process can no longer serve."""
    return Problem(503, "The service is stopping.", headers={"Retry-After": "1"})


GRACE_SECONDS: Final = 10.0  # for requests under way when the server closes
