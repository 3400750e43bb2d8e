"""How long a connection may take: one sweep over all of them instead of a timer for each.

The rule, for what a client sends as for what it reads: a message must be through within the timeout
plus a second for every 64 KiB of it; time in which the client waits for the server does not count.
"""

import asyncio
from time import perf_counter
from typing import Final, Protocol

BYTES_PER_SECOND: Final = 64 * 1024  # what a client must keep up with, on average
TICK_SECONDS: Final = 0.25
SLICE_SECONDS: Final = 0.0005  # of a sweep, at once


class TimedConnection(Protocol):
    """What is told how time goes by."""

    def on_tick(self, seconds: float) -> None:
        """So much time has gone by."""


class DeadlineTimer:
    """Tells all connections of a process, at every tick, that it has passed."""

    def __init__(self) -> None:
        self._swept: set[TimedConnection] = set()
        self._running = False
        self._before = 0.0
        self._rested_since = 0.0

    def add(self, connection: TimedConnection, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, tell this one too."""
        self._swept.add(connection)
        if not self._running:
            self._running = True
            self._before = loop.time()
            self._rest(loop)

    def discard(self, connection: TimedConnection) -> None:
        """Tell it no more."""
        self._swept.discard(connection)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._swept:
            self._running = False  # nothing wakes a process without connections
            return
        now = loop.time()
        # A process that stood still has not listened: clients are not to blame for that time.
        stood_still = max(0.0, now - self._rested_since - 4 * TICK_SECONDS)
        seconds, self._before = now - self._before - stood_still, now
        self._tell(list(self._swept), seconds, loop)

    def _tell(
        self, left: list[TimedConnection], seconds: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Go on with those that are left; requests are answered in between."""
        until = perf_counter() + SLICE_SECONDS
        while left:
            connection = left.pop()
            if connection in self._swept:
                connection.on_tick(seconds)
            if perf_counter() > until:
                loop.call_soon(self._tell, left, seconds, loop)
                return
        self._rest(loop)

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        self._rested_since = loop.time()
        loop.call_later(TICK_SECONDS, self._tick, loop)


class Deadline:
    """The time that one message has taken so far, in ticks."""

    __slots__ = ("spent_seconds", "timeout_seconds")

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self.spent_seconds = -TICK_SECONDS

    def reset(self) -> None:
        """Begin anew, now; as the first tick may be near, it does not count."""
        self.spent_seconds = -TICK_SECONDS

    def expired(self, seconds: float, transferred_bytes: int = 0) -> bool:
        """Spend some more; whether it was too much for what was transferred."""
        self.spent_seconds += seconds
        return self.spent_seconds > self.timeout_seconds + transferred_bytes / BYTES_PER_SECOND
