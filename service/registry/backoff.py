"""When to try again what failed: soon, and then ever more rarely."""

import math
from time import monotonic
from typing import Final

FIRST_SECONDS: Final = 1.0
MAX_SECONDS: Final = 60.0  # between two tries


class Backoff:
    """The waiting times between tries, each twice as long as the one before."""

    def __init__(self) -> None:
        self._wait_seconds = FIRST_SECONDS
        self._due_at = math.inf

    @property
    def due(self) -> bool:
        """Whether it is time to try again."""
        return monotonic() >= self._due_at

    def reset(self) -> None:
        """Begin with short times: something is different now."""
        self._wait_seconds = FIRST_SECONDS

    def record(self, *, failed: bool) -> None:
        """It was tried, just now."""
        if not failed:
            self.reset()
            self._due_at = math.inf
            return
        self._due_at = monotonic() + self._wait_seconds
        self._wait_seconds = min(2 * self._wait_seconds, MAX_SECONDS)
