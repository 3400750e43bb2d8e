"""How late requests may become in the event loop: some are begun in each of its turns, others wait.

As long as all that wait would be through soon, they are begun in order; a burst may take longer
than what has not ended for a while. When they would not, it is an overload, until none is left:
then the newest goes first, whose client has lost no time yet, and who has waited for too long is
refused. A refusal at once would be of no use: clients without patience ask again, and refusing
them would be all there is time for.

After "Fail at Scale" (Maurer, ACM Queue 13:8, 2015).
"""

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import Final, Protocol

from service.overload.rejections import RejectionWriter

logger = logging.getLogger(__name__)

BATCH_SIZE: Final = 16  # begun in a turn at most; as many are then predicted together
BATCH_SECONDS: Final = 0.01  # of work are begun; but
MIN_BATCH_SIZE: Final = 4  # at least, since those that are predicted together cost far less
BURST_SECONDS: Final = 0.1  # to wait for more than this is an overload; or, when there always were
WAIT_SECONDS: Final = 0.03  # some for so long, for more than this; who has then is refused
BATCH_REJECTIONS: Final = 64
QUIET_SECONDS: Final = 1.0  # after which an overload is another one
SMOOTHING: Final = 1 / 16


class QueuedRequest(Protocol):
    """What waits for its turn."""

    def begin(self) -> None:
        """It is its turn."""

    def reject(self) -> None:
        """It has waited for too long."""


class Admission:
    """The POSTs of one process in its event loop, where a turn holds nothing that it would have
    to give back. What takes long waits for a thread besides (`service.overload.limiter`).

    overloaded: whether those that wait will wait for too long.
    """

    def __init__(self) -> None:
        self.overloaded = False
        self.rejections = RejectionWriter()
        self._waiting: deque[tuple[float, QueuedRequest]] = deque()  # since when, who
        self._begun = 0  # in this turn
        self._at_most = BATCH_SIZE  # in a turn
        # When this turn began, if some waited then. (The requests of a first turn, begun as they
        # came, are not yet through when the second begins.)
        self._turned_at: float | None = None
        self._waiting_since = 0.0  # there always were some
        self._seconds = 0.0  # that a request takes, of late
        self._refused_at = 0.0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def try_admit(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether one more can begin in this turn of the loop; if so, it counts."""
        if self._waiting or self._begun >= self._at_most:
            return False
        if not self._begun:
            loop.call_soon(self._turn, loop)
        self._begun += 1
        return True

    def enqueue(self, request: QueuedRequest) -> None:
        """Have it begin in a later turn, or be refused; there is one to come."""
        now = monotonic()
        if not self._waiting:
            self._waiting_since = now
        self._waiting.append((now, request))

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        before, self._begun = self._begun, 0
        now, waiting = monotonic(), self._waiting
        if before and self._turned_at is not None:
            self._seconds += SMOOTHING * ((now - self._turned_at) / before - self._seconds)
        if not waiting:
            self.overloaded, self._turned_at = False, None
            return
        self._turned_at = now
        most_seconds = WAIT_SECONDS if now > self._waiting_since + BURST_SECONDS else BURST_SECONDS
        self.overloaded = self.overloaded or len(waiting) * self._seconds > most_seconds
        fitting = int(BATCH_SECONDS / max(self._seconds, BATCH_SECONDS / BATCH_SIZE))
        self._at_most = max(MIN_BATCH_SIZE, fitting)
        try:
            if self.overloaded:
                self._refuse_those_before(now - WAIT_SECONDS, now)
            self._begun = min(self._at_most, len(waiting))
            following = waiting.pop if self.overloaded else waiting.popleft
            for _ in range(self._begun):
                following()[1].begin()
        finally:  # whatever it was: the others wait for the next turn
            loop.call_soon(self._turn, loop)

    def _refuse_those_before(self, last: float, now: float) -> None:
        refused = 0
        while self._waiting and self._waiting[0][0] < last and refused < BATCH_REJECTIONS:
            self._waiting.popleft()[1].reject()
            refused += 1
        if refused:
            if now - self._refused_at > QUIET_SECONDS:
                logger.warning("overloaded: requests are refused with 503")
            self._refused_at = now
