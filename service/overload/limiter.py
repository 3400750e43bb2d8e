"""Limits of large bodies: a bounded number of threads and a bounded queue.

A service that accepts everything beyond its capacity answers every request late. This one rejects
at once, with 503 and Retry-After, the requests that it could not answer in time; health checks are
never rejected. The queue may be long for a moment. A queue that has not been empty for the maximum
wait is an overload (see `service.overload.admission`): then only as many requests may wait as start
within the time of one request. A table waits again for each of its chunks; few tables are worked on
at the same time, since many would all be late.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from service.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")

RETRY_SECONDS = 1
SMOOTHING: Final = 1 / 8  # of the moving average of the time per request


class WorkLimiter:
    """A bounded pool of threads with a bounded queue.

    Args:
        threads: Maximum large bodies that are worked on at the same time.
        queue: Maximum requests that wait for a thread.
        wait_seconds: Maximum time in the queue before the first part of a request starts.

    Attributes:
        waiting: The number of queued requests of which no part has started.
    """

    def __init__(self, threads: int, queue: int, wait_seconds: float) -> None:
        self._threads = self._free = threads
        self._queue, self._wait_seconds = queue, wait_seconds
        self.waiting = 0
        self._nonempty_since = 0.0
        # Waiters in order of arrival; True for a further part of a request that has started.
        self._waiters: dict[asyncio.Future[None], bool] = {}
        # Exponentially decayed sums; their quotient is the average time per request.
        self._requests = 0.0
        self._work_seconds = 0.0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the first, or only, part of a request in a thread as soon as one is free.

        Args:
            work: The function to call in the thread.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Returns:
            The result of `work`.

        Raises:
            Problem: 503 if the queue is full or no thread is free in time.
        """
        if self._is_full():
            raise service_unavailable("The queue of requests with large bodies is full.")
        if not self.waiting:
            self._nonempty_since = monotonic()
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._acquire_thread(started=False)
        except TimeoutError:
            raise service_unavailable(
                f"No thread was free within {self._wait_seconds:g} s."
            ) from None
        finally:
            self.waiting -= 1
        try:
            return await self._run_timed(work, *args, **kwargs)
        finally:
            self._requests = (self._requests + 1) * (1 - SMOOTHING)
            self._work_seconds *= 1 - SMOOTHING

    async def run_next(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a further part of a request that has started; it waits without a time limit.

        Args:
            work: The function to call in the thread.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Returns:
            The result of `work`.
        """
        await self._acquire_thread(started=True)
        return await self._run_timed(work, *args, **kwargs)

    async def _acquire_thread(self, *, started: bool) -> None:
        """Wait for a free thread and occupy it.

        Args:
            started: True for a further part of a request that has started.
        """
        if self._free:
            self._free -= 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = started
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._waiters.pop(waiter, None)
            else:  # cancelled in the iteration in which it got the thread
                self._release()
            raise

    def _release(self) -> None:
        """Pass the thread on to the request that has waited longest, or mark it free.

        If at least as many started requests wait as there are threads, only those are considered.
        """
        waiters = [waiter for waiter in self._waiters if not waiter.done()]
        started = [waiter for waiter in waiters if self._waiters[waiter]]
        waiters = started if len(started) >= self._threads else waiters
        if waiters:
            del self._waiters[waiters[0]]
            waiters[0].set_result(None)
        else:
            self._free += 1

    async def _run_timed(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        start = monotonic()
        try:
            return await run_in_threadpool(work, *args, **kwargs)
        finally:
            self._work_seconds += monotonic() - start
            self._release()

    def _is_full(self) -> bool:
        """Return True if one more request would wait too long.

        In an overload, the limit is the average time of a request.
        """
        if self._free:
            return False
        if self.waiting >= self._queue:
            return True
        max_seconds = self._wait_seconds
        request_seconds = self._work_seconds / self._requests if self._requests else 0.0
        if monotonic() - self._nonempty_since > max_seconds:
            max_seconds = min(max_seconds, request_seconds)
        return self.waiting * request_seconds / self._threads > max_seconds


def service_unavailable(detail: str) -> Problem:
    """Return the problem for a request that cannot be answered in time: 503 with Retry-After."""
    return Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})
