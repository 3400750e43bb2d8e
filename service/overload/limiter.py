"""Limits of large bodies: a bounded number of threads and a bounded queue.

A service that accepts everything beyond its capacity answers every request late. This one rejects
at once, with 503 and Retry-After, the requests that it could not answer in time; health checks are
never rejected. The queue may be long for a moment. A queue that has not been empty for the maximum
wait is an overload (see `service.overload.admission`): then only as many requests may wait as start
within the time of one request. Each client has its share of the queue, as it has of the threads. A
table waits again for each of its parts, in the order of `service.overload.turns`.
"""

import asyncio
from collections.abc import Callable
from time import monotonic, thread_time
from typing import Final, ParamSpec, Self, TypeVar

from service.overload.client_network import network_of
from service.overload.threads import run_in_thread
from service.overload.turns import Job, Turns
from service.problems import service_unavailable
from service.request_context import request_context

P = ParamSpec("P")
R = TypeVar("R")

SMOOTHING: Final = 1 / 8  # of the moving average of the time per request
QUEUE_FULL: Final = "The queue of requests with large bodies is full."


class WorkLimiter:
    """A bounded pool of threads with a bounded queue.

    Args:
        threads: Maximum large bodies that are worked on at the same time.
        queue: Maximum requests that wait for a thread.
        wait_seconds: Maximum time in the queue before the first part of a request starts.
    """

    def __init__(self, threads: int, queue: int, wait_seconds: float) -> None:
        self._threads = self._free = threads
        self._queue, self._wait_seconds = queue, wait_seconds
        self._turns = Turns(threads)
        self._nonempty_since = 0.0
        # Exponentially decayed sums; their quotient is the average time per request. The time of
        # long requests is left out: a new request does not wait for their end.
        self._requests = 0.0
        self._work_seconds = 0.0

    @property
    def waiting(self) -> int:
        """The number of queued requests of which no part has started."""
        return len(self._turns.new)

    def in_parts(self) -> "WorkInParts":
        """Return the work of the current request; it ends with the exit of its context."""
        return WorkInParts(self)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the work of a request that has only one part, as soon as a thread is free.

        Args:
            work: The function to call in the thread.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Returns:
            The result of `work`.

        Raises:
            Problem: 503 if the queue is full, or no thread is free in time.
        """
        with self.in_parts() as parts:
            return await parts.run(work, *args, **kwargs)

    async def _run_part(
        self, job: Job, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        cpu_seconds = 0.0

        def timed() -> R:
            nonlocal cpu_seconds
            start = thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                cpu_seconds = thread_time() - start

        is_first, was_long = not job.started, job.is_long
        await (self._acquire_first_thread(job) if is_first else self._acquire_thread(job))
        start = monotonic()
        try:
            return await run_in_thread(timed)
        finally:
            if not was_long:
                self._work_seconds += monotonic() - start
            if is_first:
                self._requests = (self._requests + 1) * (1 - SMOOTHING)
                self._work_seconds *= 1 - SMOOTHING
            self._turns.finish_part(job, cpu_seconds)
            self._release()

    async def _acquire_first_thread(self, job: Job) -> None:
        """Wait for a free thread for the first part of a request, for a limited time.

        Raises:
            Problem: 503 if the queue is full, or no thread is free in time.
        """
        if not self._free:
            self._require_room(job.client)
            if not self.waiting:
                self._nonempty_since = monotonic()
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._acquire_thread(job)
        except TimeoutError:
            raise service_unavailable(
                f"No thread was free within {self._wait_seconds:g} s."
            ) from None

    async def _acquire_thread(self, job: Job) -> None:
        """Wait for a free thread and occupy it."""
        if self._free:
            self._free -= 1
            self._turns.start(job)
            return
        waiter = job.waiter = asyncio.get_running_loop().create_future()
        self._turns.add(job)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._turns.discard(job)
            elif not waiter.exception():  # cancelled in the iteration in which it got the thread
                self._release()
            raise

    def _release(self) -> None:
        """Pass the thread on to the request whose turn it is, or mark it free."""
        while (job := self._turns.pop()) is not None:
            assert job.waiter is not None
            if not job.waiter.done():
                self._turns.start(job)
                job.waiter.set_result(None)
                return
        self._free += 1

    def _require_room(self, client: str) -> None:
        """Check that a request of a client can be queued, if need be instead of another client's.

        Args:
            client: Address of the client.

        Raises:
            Problem: 503 if the request would wait too long, if as many tables of its client wait
                as the queue has places, or if the queue is full and no other client has more
                requests in it.
        """
        new = self._turns.new
        if self._waits_too_long(client) or self._turns.others.of(client) >= self._queue:
            raise service_unavailable(QUEUE_FULL)
        if self.waiting < self._queue:
            return
        newest = new.newest_of_longest() if new else None
        if newest is None or new.of(newest.client) <= new.of(client) + 1:
            raise service_unavailable(QUEUE_FULL)
        assert newest.waiter is not None
        new.discard(newest)
        if not newest.waiter.done():
            newest.waiter.set_exception(service_unavailable(QUEUE_FULL))

    def _waits_too_long(self, client: str) -> bool:
        """Return True if one more request of a client would wait too long.

        In an overload, the limit is the average time of a request. The clients take turns, so a
        client waits for as many requests of each other client as it has itself.
        """
        new = self._turns.new
        before = min(len(new), new.of(client) * new.clients)
        max_seconds = self._wait_seconds
        request_seconds = self._work_seconds / self._requests if self._requests else 0.0
        if new and monotonic() - self._nonempty_since > max_seconds:
            max_seconds = min(max_seconds, request_seconds)
        return before * request_seconds / self._threads > max_seconds


class WorkInParts:
    """The work of one request, of which each part waits for a thread. A context manager.

    Args:
        limiter: The threads.
    """

    def __init__(self, limiter: WorkLimiter) -> None:
        self._limiter = limiter
        self._job = Job(network_of(request_context.get().client))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._limiter._turns.end(self._job)

    @property
    def started(self) -> bool:
        """True as soon as the first part has got a thread."""
        return self._job.started

    @property
    def seconds(self) -> float:
        """CPU time of the parts."""
        return self._job.seconds

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a part in a thread as soon as it is its turn; only the first waits a limited time.

        Args:
            work: The function to call in the thread.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Returns:
            The result of `work`.

        Raises:
            Problem: 503 if the queue is full, or no thread is free in time.
        """
        return await self._limiter._run_part(self._job, work, *args, **kwargs)
