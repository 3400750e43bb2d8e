"""Admission control of the event loop: a bounded batch of requests starts per iteration.

The requests that do not start wait in a queue. As long as the whole queue can start soon, requests
start in order; a burst may take longer than a queue that has not been empty for a while. When the
queue is too long, the service is overloaded until the queue is empty: the newest request, which
has lost no time yet, starts first, and requests that have waited too long are rejected. Rejecting
at once would not help: clients that retry at once would leave time for nothing but rejections.

Source:
    Ben Maurer, "Fail at Scale", ACM Queue 13:8, 2015 (adaptive LIFO, CoDel).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from service.overload.rejections import RejectionWriter

logger = logging.getLogger(__name__)

# Fixed values.
BATCH_SIZE: Final = 16  # maximum requests per iteration; as many are then predicted together
BATCH_SECONDS: Final = 0.01  # of work per iteration
MIN_BATCH_SIZE: Final = 4  # even if they take longer: requests predicted together cost far less
# A longer wait than BURST_SECONDS is an overload; if the queue has not been empty for that time, a
# longer wait than WAIT_SECONDS. Under overload, a request that has waited longer is rejected.
BURST_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 0.03
BATCH_REJECTIONS: Final = 64  # maximum per iteration
QUIET_SECONDS: Final = 1.0  # without rejections, after which an overload is logged again
SMOOTHING: Final = 1 / 16  # of the moving average of the time per request


# Called with True to start a queued request, with False to reject it: it has waited too long.
Decide = Callable[[bool], None]


class Admission:
    """Admission of the POST requests of one process to its event loop.

    An admitted request holds nothing that it has to release. Work that takes long also waits for a
    thread (`service.overload.limiter`).

    Attributes:
        overloaded: True if the queued requests will wait too long.
        rejections: The writer of the responses to rejected requests.
    """

    def __init__(self) -> None:
        self.overloaded = False
        self.rejections = RejectionWriter()
        self._queue: deque[tuple[float, Decide]] = deque()  # with the time of arrival
        self._admitted = 0  # in this iteration
        self._batch_size = BATCH_SIZE
        # The start of this iteration if the queue was not empty then, else None: the requests of a
        # first iteration, started as they came, are not finished when the second one begins.
        self._iteration_at: float | None = None
        self._nonempty_since = 0.0
        self._request_seconds = 0.0  # moving average
        self._rejected_at = 0.0

    @property
    def waiting(self) -> int:
        """The number of queued requests."""
        return len(self._queue)

    def try_admit(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Admit one more request to this iteration of the event loop if there is room.

        Args:
            loop: The running event loop.

        Returns:
            True if the request may start now; it then counts towards the iteration's batch.
        """
        if self._queue or self._admitted >= self._batch_size:
            return False
        if not self._admitted:
            loop.call_soon(self._run_iteration, loop)
        self._admitted += 1
        return True

    def enqueue(self, decide: Decide) -> None:
        """Queue a request that `try_admit` did not admit; it is decided on later."""
        now = monotonic()
        if not self._queue:
            self._nonempty_since = now
        self._queue.append((now, decide))

    def _run_iteration(self, loop: asyncio.AbstractEventLoop) -> None:
        previous, self._admitted = self._admitted, 0
        now, queue = monotonic(), self._queue
        if previous and self._iteration_at is not None:
            seconds = (now - self._iteration_at) / previous
            self._request_seconds += SMOOTHING * (seconds - self._request_seconds)
        if not queue:
            self.overloaded, self._iteration_at = False, None
            return
        self._iteration_at = now
        max_seconds = WAIT_SECONDS if now > self._nonempty_since + BURST_SECONDS else BURST_SECONDS
        self.overloaded = self.overloaded or len(queue) * self._request_seconds > max_seconds
        fitting = int(BATCH_SECONDS / max(self._request_seconds, BATCH_SECONDS / BATCH_SIZE))
        self._batch_size = max(MIN_BATCH_SIZE, fitting)
        try:
            if self.overloaded:
                self._reject_queued_before(now - WAIT_SECONDS, now)
            self._admitted = min(self._batch_size, len(queue))
            take = queue.pop if self.overloaded else queue.popleft
            for _ in range(self._admitted):
                take()[1](True)
        finally:  # after any error, the remaining requests wait for the next iteration
            loop.call_soon(self._run_iteration, loop)

    def _reject_queued_before(self, time: float, now: float) -> None:
        rejected = 0
        while self._queue and self._queue[0][0] < time and rejected < BATCH_REJECTIONS:
            self._queue.popleft()[1](False)
            rejected += 1
        if rejected:
            if now - self._rejected_at > QUIET_SECONDS:
                logger.warning("overload_rejecting", extra={"rejected": rejected})
            self._rejected_at = now
