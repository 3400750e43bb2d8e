"""How much work is taken on at a time, and what is refused: a bounded number of threads, a bounded
queue before them, and a bounded memory of bodies.

Beyond its capacity a service that takes everything on answers everybody late. This one refuses at
once, with 503 and Retry-After, what it could not answer in time; health checks are never refused.
A queue may be long for a moment; one that has not been empty for the longest wait is an overload
(see `service.admission`), and then only so many wait as have not long to go.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from service.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")

RETRY_SECONDS = 1
SMOOTHING: Final = 1 / 8
STANDING_TIMES: Final = 2  # of what a piece of work takes: the longest wait in an overload


class Capacity:
    """threads: how many large bodies are worked on at a time. queue: how many more may wait, each
    at most wait_seconds. body_bytes: of all bodies that are held at a time.
    """

    def __init__(self, threads: int, queue: int, wait_seconds: float, body_bytes: int) -> None:
        self._threads = threads
        self._free = asyncio.Semaphore(threads)
        self._queue, self._wait_seconds = queue, wait_seconds
        self._bytes_left = body_bytes
        self.waiting = 0
        self._waiting_since = 0.0  # there always were some
        self._work_seconds = 0.0  # that a piece of work takes, of late

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do this in a thread, when there is a free one. Raises Problem (503) where there is none
        in time."""
        async with self._thread(self._wait_seconds):
            return await run_in_threadpool(work, *args, **kwargs)

    async def go_on(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same for a next piece of work that was begun: it waits as long as it takes."""
        async with self._thread(None):
            return await run_in_threadpool(work, *args, **kwargs)

    def hold(self, size: int) -> None:
        """Set bytes aside for a body; `release` them afterwards. Raises Problem (503)."""
        if size > self._bytes_left:
            raise busy("The bodies of other requests fill the memory that is set aside for them.")
        self._bytes_left -= size

    def release(self, size: int) -> None:
        """Give back what `hold` has set aside."""
        self._bytes_left += size

    @asynccontextmanager
    async def _thread(self, seconds: float | None) -> AsyncIterator[None]:
        if seconds is not None and self._free.locked() and self._is_full(seconds):
            raise busy("Too many requests wait to be answered.")
        if not self.waiting:
            self._waiting_since = monotonic()
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise busy(f"No thread was free within {seconds:g} s.") from None
        finally:
            self.waiting -= 1
        begun = monotonic()
        try:
            yield
        finally:
            self._work_seconds += SMOOTHING * (monotonic() - begun - self._work_seconds)
            self._free.release()

    def _is_full(self, most_seconds: float) -> bool:
        """Whether one more would wait for longer than this, or in an overload for long at all."""
        if self.waiting >= self._queue:
            return True
        expected = self.waiting * self._work_seconds / self._threads
        if monotonic() - self._waiting_since > most_seconds:
            most_seconds = min(most_seconds, STANDING_TIMES * self._work_seconds)
        return bool(self.waiting) and expected > most_seconds


def busy(detail: str) -> Problem:
    """What a request is answered that could not be answered in time."""
    return Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})
