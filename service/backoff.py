"""Exponential backoff of attempts that fail: reloads, background tasks, starts of workers."""

import math
from time import monotonic
from typing import Final

# Fixed values.
FIRST_SECONDS: Final = 1.0
MAX_SECONDS: Final = 60.0


class Backoff:
    """Delays between attempts: `FIRST_SECONDS`, then twice the last delay, up to a maximum.

    Args:
        max_seconds: The longest delay, in seconds.
    """

    def __init__(self, max_seconds: float = MAX_SECONDS) -> None:
        self._max_seconds = max_seconds
        self._delay_seconds = FIRST_SECONDS
        self._due_at = math.inf

    @property
    def due(self) -> bool:
        """True if the last attempt failed and its delay has passed."""
        return monotonic() >= self._due_at

    def reset(self) -> None:
        """Make the next delay the shortest one, for example because the files have changed."""
        self._delay_seconds = FIRST_SECONDS

    def record(self, *, failed: bool) -> float:
        """Record an attempt that has just ended.

        Args:
            failed: True if it failed.

        Returns:
            The delay until the next attempt is due, in seconds; infinity if it did not fail.
        """
        if not failed:
            self.reset()
            self._due_at = math.inf
            return math.inf
        delay = self._delay_seconds
        self._due_at = monotonic() + delay
        self._delay_seconds = min(2 * delay, self._max_seconds)
        return delay
