"""How late requests may become in the event loop: some are begun in each of its turns, others wait,
and those that would wait for too long are refused at once.

The rule is of "Fail at Scale" (Maurer, ACM Queue 13:8, 2015), which has it from CoDel: a queue that
was empty a moment ago is a burst and will soon be empty again, another is an overload.
"""

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import Final, Protocol

from service.refusals import Refusals

logger = logging.getLogger(__name__)

TURN_REQUESTS: Final = 16  # begun in a turn at most; as many are then predicted together
TURN_SECONDS: Final = 0.003  # of work are begun; but
FEWEST_REQUESTS: Final = 4  # at least, since those that are predicted together cost far less
BURST_SECONDS: Final = 0.04  # how long some may have to wait, but when there were
STANDING_SECONDS: Final = 0.004  # always some for so long as that, then no longer than this
QUIET_SECONDS: Final = 1.0  # after which an overload is another one
SMOOTHING: Final = 1 / 16


class Waiting(Protocol):
    """What waits for its turn."""

    def begin(self) -> None:
        """It is its turn."""


class Admission:
    """The POSTs of one process in its event loop, where a turn holds nothing that it would have
    to give back. What takes long waits for a thread besides (`service.capacity`)."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.refusals = Refusals()
        self._begun = 0  # in this turn
        self._at_most = TURN_REQUESTS  # in a turn
        self._turned_at = 0.0  # when the queue was last looked at
        self._waiting_since = 0.0  # there always were some
        self._seconds = 0.0  # that a request takes, of late
        self._refused_at = 0.0

    def may_begin(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether one more can begin in this turn of the loop; if so, it counts."""
        if self.waiting or self._begun >= self._at_most:
            return False
        if not self._begun:
            loop.call_soon(self._turn, loop)
        self._begun += 1
        return True

    def wait(self, request: Waiting) -> None:
        """Have it begin in a later turn."""
        if not self.waiting:
            self._waiting_since = self._turned_at = monotonic()
        self.waiting.append(request)

    def is_overloaded(self) -> bool:
        """Whether one that comes now would have to wait for too long."""
        expected = len(self.waiting) * self._seconds
        if expected <= STANDING_SECONDS or len(self.waiting) < TURN_REQUESTS:
            return False
        return expected > BURST_SECONDS or monotonic() - self._waiting_since > BURST_SECONDS

    def refused(self) -> None:
        """Tell the log, once an overload."""
        now = monotonic()
        if now - self._refused_at > QUIET_SECONDS:
            logger.warning("overloaded: requests are refused with 503")
        self._refused_at = now

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        before, self._begun = self._begun, min(self._at_most, len(self.waiting))
        if not self._begun:
            return
        now = monotonic()
        # What the turn before took; nobody waited before the first.
        self._seconds += SMOOTHING * ((now - self._turned_at) / before - self._seconds)
        self._turned_at = now
        for _ in range(self._begun):
            self.waiting.popleft().begin()
        fitting = int(TURN_SECONDS / max(self._seconds, TURN_SECONDS / TURN_REQUESTS))
        self._at_most = max(FEWEST_REQUESTS, fitting)
        loop.call_soon(self._turn, loop)
