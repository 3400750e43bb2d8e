"""When a request is repeated, and after how long."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

REPEATED_STATUSES: Final = frozenset((429, 502, 503, 504))


@dataclass(frozen=True)
class Retries:
    """How often a request is repeated, and how long the client waits.

    A delay is the one that the service states in `Retry-After`, and a random part of the backoff,
    so that many clients do not return at once. Without `Retry-After` it is the backoff, which
    doubles with each attempt.

    Attributes:
        attempts: Largest number of attempts, the first one included; 1 for no repetition.
        backoff_seconds: Largest delay after the first attempt, if the service states none.
        max_delay_seconds: Largest delay. A request is not repeated if `Retry-After` is longer.
        total_seconds: Time from the first attempt after which no further one begins.
    """

    attempts: int = 4
    backoff_seconds: float = 0.2
    max_delay_seconds: float = 10.0
    total_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts must be at least 1")
        if min(self.backoff_seconds, self.max_delay_seconds, self.total_seconds) < 0:
            raise ValueError("backoff_seconds, max_delay_seconds and total_seconds must be >= 0")


@dataclass
class Attempts:
    """The attempts of one request.

    Attributes:
        retries: The limits.
        clock: Returns the time in seconds.
        uniform: Returns a random number from 0 to 1.
        made: Number of attempts so far.
    """

    retries: Retries
    clock: Callable[[], float] = time.monotonic
    uniform: Callable[[], float] = random.random
    made: int = 0
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def next_delay(self, retry_after: float | None = None) -> float | None:
        """Count a failed attempt, and return the seconds to wait before the next one.

        Args:
            retry_after: Seconds of the header Retry-After; None without it.

        Returns:
            The delay; None if the request is not to be repeated.
        """
        self.made += 1
        limits = self.retries
        if self.made >= limits.attempts:
            return None
        backoff = min(limits.backoff_seconds * 2.0 ** (self.made - 1), limits.max_delay_seconds)
        if retry_after is not None and retry_after > limits.max_delay_seconds:
            return None
        # At least half of the backoff, so that several attempts do not follow at once.
        delay = backoff * (0.5 + 0.5 * self.uniform()) + (retry_after or 0.0)
        return None if self.clock() + delay - self._started > limits.total_seconds else delay


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a header Retry-After, which has seconds or a date.

    Args:
        value: Value of the header; None without it.
        now: The current time, by default that of the system.

    Returns:
        The seconds, at least 0; None without the header, or for a malformed value.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
