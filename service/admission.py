"""How late small requests may become: a bounded number is begun at a time, some wait for their turn,
and when they wait for too long, those that come are refused at once.

The rule is of "Fail at Scale" (Maurer, ACM Queue 13:8, 2015), which has it from CoDel: a queue that
was empty a moment ago is a burst and will soon be empty again, another is an overload.
"""

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import Final, Protocol

logger = logging.getLogger(__name__)

TURN_REQUESTS: Final = 16  # begun in a turn of the event loop; as many are then predicted together
STANDING_SECONDS: Final = 0.04  # a queue that was not empty for so long is an overload; then
WAIT_SECONDS: Final = 0.004  # none is let in while the first has waited for longer than this
QUIET_SECONDS: Final = 1.0  # after which an overload is another one


class Waiting(Protocol):
    """What waits for its turn."""

    def begin(self) -> None:
        """It is its turn."""


class Admission:
    """The small requests of one process, once their bodies have arrived. Large ones do not wait
    here, but for threads (`service.capacity`)."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[float, Waiting]] = deque()
        self._begun = 0  # in this turn
        self._waiting_since = 0.0  # some do
        self._refused_at = 0.0

    def may_begin(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether one more can begin in this turn of the loop; if so, it counts."""
        if self._begun >= TURN_REQUESTS:
            return False
        if not self._begun:
            loop.call_soon(self._turn, loop)
        self._begun += 1
        return True

    def wait(self, request: Waiting) -> None:
        """Have it begin in a later turn."""
        now = monotonic()
        if not self.waiting:
            self._waiting_since = now
        self.waiting.append((now, request))

    def is_overloaded(self) -> bool:
        """Whether one that comes now would be answered too late."""
        if len(self.waiting) < TURN_REQUESTS:  # which begin in the next turn
            return False
        now = monotonic()
        is_standing = now - self._waiting_since > STANDING_SECONDS
        return now - self.waiting[0][0] > (WAIT_SECONDS if is_standing else STANDING_SECONDS)

    def refused(self, now: float) -> None:
        """Tell the log, once an overload."""
        if now - self._refused_at > QUIET_SECONDS:
            logger.warning("overloaded: requests are refused with 503")
        self._refused_at = now

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begun = min(TURN_REQUESTS, len(self.waiting))
        for _ in range(self._begun):
            self.waiting.popleft()[1].begin()
        if self._begun:
            loop.call_soon(self._turn, loop)
