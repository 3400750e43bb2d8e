"""How much work is taken on at a time, and what is refused: a bounded number of threads, a bounded
queue before them, and a bounded memory of bodies.

Beyond its capacity a service that takes everything on answers everybody late. This one refuses at
once, with 503 and Retry-After, what it could not answer in time; health checks are never refused.
A queue may be long for a moment; one that has not been empty for the longest wait is an overload
(see `service.overload.admission`), and then only so many wait as begin before one more would be
done. A table waits anew for each of its pieces; few are begun at a time, since many
would all be late.
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
SMOOTHING: Final = 1 / 8


class WorkLimiter:
    """threads: how many large bodies are worked on at a time. queue: how many more may wait, each
    at most wait_seconds. body_bytes: of all bodies that are held at a time.

    waiting: how many wait that were not begun.
    """

    def __init__(self, threads: int, queue: int, wait_seconds: float, body_bytes: int) -> None:
        self._threads = self._free = threads
        self._queue, self._wait_seconds = queue, wait_seconds
        self._bytes_left = body_bytes
        self.waiting = 0
        self._waiting_since = 0.0  # there always were some
        self._waiters: dict[asyncio.Future[None], bool] = {}  # whether it was begun
        self._requests = 0.0  # that were begun, the later the more they count
        self._work_seconds = 0.0  # that they took so far, likewise

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do this in a thread, when there is a free one. Raises Problem (503) where there is none
        in time.
        """
        if self._is_full():
            raise service_unavailable("Too many requests wait to be answered.")
        if not self.waiting:
            self._waiting_since = monotonic()
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._thread(has_begun=False)
        except TimeoutError:
            raise service_unavailable(
                f"No thread was free within {self._wait_seconds:g} s."
            ) from None
        finally:
            self.waiting -= 1
        try:
            return await self._timed(work, *args, **kwargs)
        finally:
            self._requests = (self._requests + 1) * (1 - SMOOTHING)
            self._work_seconds *= 1 - SMOOTHING

    async def go_on(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same for a next piece of work that was begun: it waits as long as it takes."""
        await self._thread(has_begun=True)
        return await self._timed(work, *args, **kwargs)

    def hold(self, size: int) -> None:
        """Set bytes aside for a body; `release` them afterwards. Raises Problem (503)."""
        if size > self._bytes_left:
            raise service_unavailable(
                "The bodies of other requests fill the memory that is set aside for them."
            )
        self._bytes_left -= size

    def release(self, size: int) -> None:
        """Give back what `hold` has set aside."""
        self._bytes_left += size

    async def _thread(self, *, has_begun: bool) -> None:
        """Wait for a free one, which is then not free."""
        if self._free:
            self._free -= 1
            return
        given = asyncio.get_running_loop().create_future()
        self._waiters[given] = has_begun
        try:
            await given
        except asyncio.CancelledError:
            if given.cancelled():
                self._waiters.pop(given, None)
            else:  # given and cancelled at once
                self._release()
            raise

    def _release(self) -> None:
        """Who waits longest is next; when as many wait as there are threads that were begun, of
        those.
        """
        line = [given for given in self._waiters if not given.done()]
        begun = [given for given in line if self._waiters[given]]
        line = begun if len(begun) >= self._threads else line
        if line:
            del self._waiters[line[0]]
            line[0].set_result(None)
        else:
            self._free += 1

    async def _timed(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        begun = monotonic()
        try:
            return await run_in_threadpool(work, *args, **kwargs)
        finally:
            self._work_seconds += monotonic() - begun
            self._release()

    def _is_full(self) -> bool:
        """Whether one more would wait for too long, or in an overload for long at all."""
        if self._free:
            return False
        if self.waiting >= self._queue:
            return True
        most_seconds = self._wait_seconds
        each = self._work_seconds / self._requests if self._requests else 0.0
        if monotonic() - self._waiting_since > most_seconds:
            most_seconds = min(most_seconds, each)
        return self.waiting * each / self._threads > most_seconds


def service_unavailable(detail: str) -> Problem:
    """What a request is answered that could not be answered in time."""
    return Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})
