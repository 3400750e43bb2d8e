"""Exponential backoff of failed reloads."""

import math
from time import monotonic
from typing import Final

# Fixed values.
FIRST_SECONDS: Final = 1.0
MAX_SECONDS: Final = 60.0


class Backoff:
    """Delays between attempts: `FIRST_SECONDS`, then twice the last delay, up to `MAX_SECONDS`."""

    def __init__(self) -> None:
        self._delay_seconds = FIRST_SECONDS
        self._due_at = math.inf

    @property
    def due(self) -> bool:
        """True if the last attempt failed and its delay has passed."""
        return monotonic() >= self._due_at

    def reset(self) -> None:
        """Make the next delay the shortest one, for example because the files have changed."""
        self._delay_seconds = FIRST_SECONDS

    def record(self, *, failed: bool) -> None:
        """Record an attempt that has just ended."""
        if not failed:
            self.reset()
            self._due_at = math.inf
            return
        self._due_at = monotonic() + self._delay_seconds
        self._delay_seconds = min(2 * self._delay_seconds, MAX_SECONDS)
