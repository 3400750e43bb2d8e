"""Lifecycle of a process: the phases of its shutdown."""

import math
import signal
from enum import IntEnum
from time import monotonic
from types import FrameType
from typing import Final

from service.problems import Problem

GRACE_SECONDS: Final = 10.0  # for the current requests when the server closes; fixed


class Phase(IntEnum):
    """The phases of the lifecycle, in order."""

    SERVING = 0
    DRAINING = 1  # reports not ready, but answers, so that load balancers leave first
    CLOSING = 2  # accepts no new connections, and finishes the current requests
    FORCED = 3  # finishes nothing


class Lifecycle:
    """The phase of this process. Signal handlers and any thread may advance it.

    Args:
        drain_seconds: The time from the first signal to closing.

    Attributes:
        started: True as soon as the server has started.
    """

    def __init__(self, drain_seconds: float) -> None:
        self.drain_seconds = drain_seconds
        self.started = False
        self.phase = Phase.SERVING
        self.close_at = math.inf  # on the monotonic clock

    @property
    def stopping(self) -> bool:
        """True in every phase after SERVING."""
        return self.phase > Phase.SERVING

    @property
    def drained(self) -> bool:
        """True as soon as the server must close."""
        return monotonic() >= self.close_at

    @property
    def forced(self) -> bool:
        """True if the process must end at once."""
        return self.phase == Phase.FORCED

    @property
    def remaining_seconds(self) -> float:
        """Time until a process that closes must end, 0 to `GRACE_SECONDS`."""
        if self.close_at == math.inf:  # not stopped by this lifecycle
            return GRACE_SECONDS
        return min(max(0.0, self.close_at + GRACE_SECONDS - monotonic()), GRACE_SECONDS)

    def advance_to(self, phase: Phase) -> None:
        """Advance to a phase; does nothing if that phase or a later one is reached already."""
        if phase <= self.phase:
            return
        drain_seconds = self.drain_seconds if phase == Phase.DRAINING else 0
        self.close_at = min(self.close_at, monotonic() + drain_seconds)
        self.phase = phase

    def follow_signals(self) -> None:
        """Install the handler of SIGTERM and SIGINT; called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_signal)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Handle SIGTERM and SIGINT.

        The first signal starts the drain, the second ends it. A further SIGINT (Ctrl-C) ends the
        process without waiting for requests.

        Args:
            number: The number of the signal.
        """
        if not self.stopping:
            self.advance_to(Phase.DRAINING)
        elif not self.drained:
            self.advance_to(Phase.CLOSING)
        elif number == signal.SIGINT:
            self.advance_to(Phase.FORCED)

    def require_serving(self) -> None:
        """Check that the process is not stopping.

        Raises:
            Problem: 503 in every phase after SERVING.
        """
        if self.stopping:
            raise shutting_down()


def shutting_down() -> Problem:
    """Return the problem for requests that a stopping process rejects: 503 with Retry-After."""
    return Problem(503, "The service is shutting down.", headers={"Retry-After": "1"})
