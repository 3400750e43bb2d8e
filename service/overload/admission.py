"""Admission control of the event loop: a bounded batch of requests starts per iteration.

Requests wait in lanes, each with its share of an iteration: predictions, all other requests, and
probes. So no kind of request delays another one for long, and a probe is answered at any load.

Requests start in order. A lane is overloaded when its requests cannot all start soon, until they
can by far; a burst may take longer than a lane that has not been empty for a while. Under overload,
requests that have waited too long are rejected. Rejecting at once would not help: clients that
retry at once would leave time for nothing but rejections.

Source:
    Ben Maurer, "Fail at Scale", ACM Queue 13:8, 2015 (CoDel).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from service.background import report_failure
from service.health_checks import is_health_check
from service.overload.rejections import RejectionWriter

logger = logging.getLogger(__name__)

# Fixed values.
BATCH_SIZE: Final = 16  # maximum predictions per iteration; as many are then predicted together
BATCH_SECONDS: Final = 0.01  # of work per iteration
OTHERS_SHARE: Final = 4  # other requests per iteration, beside predictions: the batch divided by it
PROBES: Final = 16  # maximum per iteration, in addition
# A longer wait than BURST_SECONDS is an overload; if the lane has not been empty for that time, a
# longer wait than WAIT_SECONDS. Under overload, a request that has waited longer is rejected.
BURST_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 0.03
END_SHARE: Final = 1 / 2  # of that wait; an overload ends when the requests will wait for less
BATCH_REJECTIONS: Final = 64  # maximum per iteration and lane
QUIET_SECONDS: Final = 1.0  # without rejections, after which an overload is logged again
FAILURE_SECONDS: Final = 0.1  # to the next iteration after an exception
SMOOTHING: Final = 1 / 16  # of the moving average of the time per request

# Called with True to start a queued request, with False to reject it: it has waited too long.
Decide = Callable[[bool], None]


class Lane:
    """The queued requests of one kind, and how many start per iteration.

    Args:
        rejects: Whether requests that have waited too long are rejected.

    Attributes:
        overloaded: True if the queued requests will wait too long.
        batch_size: Maximum number of requests that start in this iteration.
        admitted: Number of requests that have started in it.
        queue: The time of arrival and the decision of each queued request.
    """

    def __init__(self, *, rejects: bool = True) -> None:
        self.overloaded = False
        self.batch_size = BATCH_SIZE
        self.admitted = 0
        self.queue: deque[tuple[float, Decide]] = deque()
        self._rejects = rejects
        self._nonempty_since = 0.0

    def enqueue(self, decide: Decide) -> None:
        """Queue a request; it is decided on later."""
        now = monotonic()
        if not self.queue:
            self._nonempty_since = now
        self.queue.append((now, decide))

    def run(self, now: float, iteration_seconds: float) -> int:
        """Start the requests of one iteration, in order.

        Args:
            now: The time, on the monotonic clock.
            iteration_seconds: The expected time of one iteration.

        Returns:
            The number of requests that were rejected because they have waited too long.
        """
        self.overloaded = self._rejects and self._is_late(now, iteration_seconds)
        rejected = self._reject_queued_before(now - WAIT_SECONDS) if self.overloaded else 0
        self.admitted = min(self.batch_size, len(self.queue))
        for _ in range(self.admitted):
            self.queue.popleft()[1](True)
        return rejected

    def _is_late(self, now: float, iteration_seconds: float) -> bool:
        max_seconds = WAIT_SECONDS if now > self._nonempty_since + BURST_SECONDS else BURST_SECONDS
        if self.overloaded:
            max_seconds *= END_SHARE
        return len(self.queue) / self.batch_size * iteration_seconds > max_seconds

    def _reject_queued_before(self, time: float) -> int:
        rejected = 0
        while self.queue and self.queue[0][0] < time and rejected < BATCH_REJECTIONS:
            self.queue.popleft()[1](False)
            rejected += 1
        return rejected


class Admission:
    """Admission of the requests of one process to its event loop.

    An admitted request holds nothing that it has to release. Work that takes long also waits for a
    thread (`service.overload.limiter`).

    Args:
        root_path: Path prefix of the service, which targets may have.

    Attributes:
        predictions: The lane of POST requests.
        others: The lane of all other requests.
        probes: The lane of GET and HEAD requests to the paths of health checks; none is rejected.
        rejections: The writer of the responses to rejected requests.
    """

    def __init__(self, root_path: bytes = b"") -> None:
        self.predictions, self.others, self.probes = Lane(), Lane(), Lane(rejects=False)
        self.probes.batch_size = PROBES
        self.rejections = RejectionWriter(root_path)
        self._running = False
        # The start of this iteration if requests were queued then, else None: the requests of a
        # first iteration, started as they came, are not finished when the second one begins.
        self._iteration_at: float | None = None
        self._request_seconds = 0.0  # moving average
        self._rejected_at = 0.0

    @property
    def waiting(self) -> int:
        """The number of queued requests."""
        return len(self.predictions.queue) + len(self.others.queue) + len(self.probes.queue)

    def lane_of(self, method: str, path: str) -> Lane:
        """Return the lane of a request.

        Args:
            method: The request method.
            path: The decoded path of the target.
        """
        if method == "POST":
            return self.predictions
        return self.probes if is_probe(method, path) else self.others

    def try_admit(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> bool:
        """Admit one more request to this iteration of the event loop if there is room.

        Args:
            lane: The lane of the request.
            loop: The running event loop.

        Returns:
            True if the request may start now; it then counts towards the iteration's batch.
        """
        if lane.queue or lane.admitted >= lane.batch_size:
            return False
        if not self._running:
            self._running = True
            loop.call_soon(self._run_iteration, loop)
        lane.admitted += 1
        return True

    def _run_iteration(self, loop: asyncio.AbstractEventLoop) -> None:
        now = monotonic()
        predictions, others, probes = self.predictions, self.others, self.probes
        started = predictions.admitted + others.admitted + probes.admitted
        if self._iteration_at is not None and started:
            seconds = (now - self._iteration_at) / started
            self._request_seconds += SMOOTHING * (seconds - self._request_seconds)
        has_predictions = bool(predictions.admitted or predictions.queue)
        predictions.admitted = others.admitted = probes.admitted = 0
        if not (predictions.queue or others.queue or probes.queue):
            predictions.overloaded = others.overloaded = False
            self._running, self._iteration_at = False, None
            return
        self._iteration_at = now
        fitting = int(BATCH_SECONDS / max(self._request_seconds, BATCH_SECONDS / BATCH_SIZE))
        predictions.batch_size = max(1, fitting)
        share = OTHERS_SHARE if has_predictions else 1
        others.batch_size = max(1, predictions.batch_size // share)
        try:
            self._run_lanes(now)
        except Exception:  # the remaining requests wait for the next iteration
            report_failure("admission")
            loop.call_later(FAILURE_SECONDS, self._run_iteration, loop)
        else:
            loop.call_soon(self._run_iteration, loop)

    def _run_lanes(self, now: float) -> None:
        lanes = self.probes, self.others, self.predictions
        starting = sum(min(lane.batch_size, len(lane.queue)) for lane in lanes)
        rejected = sum(lane.run(now, starting * self._request_seconds) for lane in lanes)
        if rejected:
            if now - self._rejected_at > QUIET_SECONDS:
                logger.warning("overload_rejecting", extra={"rejected": rejected})
            self._rejected_at = now


def is_probe(method: str, path: str) -> bool:
    """Return True for a request by which an orchestrator checks the process.

    Args:
        method: The request method.
        path: The decoded path of the target.
    """
    return method in ("GET", "HEAD") and is_health_check(path)
