"""Deadlines of connections, checked by one timer per process instead of one per connection.

The rule holds for requests as for responses: a message must be transferred within the timeout plus
one second per 64 KiB of it. Time in which the client waits for the server does not count.
"""

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import Final, Protocol

from service.background import report_failure

# Fixed values.
BYTES_PER_SECOND: Final = 64 * 1024  # the minimum average rate of a client
TICK_SECONDS: Final = 0.25
SLICE_SECONDS: Final = 0.0005  # of one tick's work, between two iterations of the event loop


class TimedConnection(Protocol):
    """A connection that checks its deadlines at every tick."""

    def on_tick(self, seconds: float) -> None:
        """Check the deadlines; `seconds` have passed since the last tick."""

    def disconnect(self) -> None:
        """Close the socket at once: the deadlines cannot be checked."""


class DeadlineTimer:
    """Calls `on_tick` of all connections of a process every `TICK_SECONDS`.

    An exception in one connection disconnects it, and leaves the deadlines of the others in place.
    """

    def __init__(self) -> None:
        self._connections: set[TimedConnection] = set()
        self._running = False
        self._last_tick_at = 0.0
        self._scheduled_at = 0.0

    def add(self, connection: TimedConnection, loop: asyncio.AbstractEventLoop) -> None:
        """Add a connection, and start the timer if it is the first one.

        Args:
            connection: The connection to call at every tick.
            loop: The running event loop.
        """
        self._connections.add(connection)
        if not self._running:
            self._running = True
            self._last_tick_at = loop.time()
            self._schedule(loop)

    def discard(self, connection: TimedConnection) -> None:
        """Remove a connection if it is present; the timer stops after the last one."""
        self._connections.discard(connection)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._connections:
            self._running = False  # a process without connections does not wake up
            return
        now = loop.time()
        # A suspended or blocked process reads nothing: that time does not count against clients.
        blocked_seconds = max(0.0, now - self._scheduled_at - 4 * TICK_SECONDS)
        seconds, self._last_tick_at = now - self._last_tick_at - blocked_seconds, now
        self._notify(list(self._connections), seconds, loop)

    def _notify(
        self, remaining: list[TimedConnection], seconds: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Call `on_tick` in slices, so that the event loop handles requests in between."""
        slice_end = perf_counter() + SLICE_SECONDS
        while remaining:
            connection = remaining.pop()
            if connection in self._connections:
                try:
                    connection.on_tick(seconds)
                except Exception:
                    report_failure("deadlines")
                    with suppress(Exception):
                        connection.disconnect()
            if perf_counter() > slice_end:
                loop.call_soon(self._notify, remaining, seconds, loop)
                return
        self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled_at = loop.time()
        loop.call_later(TICK_SECONDS, self._tick, loop)


class Deadline:
    """The time that one message has taken so far, counted in ticks.

    Args:
        timeout_seconds: The time allowed for a message without content.
    """

    __slots__ = ("spent_seconds", "timeout_seconds")

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self.spent_seconds = -TICK_SECONDS

    def reset(self, timeout_seconds: float | None = None) -> None:
        """Start again from now. The first tick may come at once, so it does not count.

        Args:
            timeout_seconds: Another timeout; None for the last one.
        """
        self.spent_seconds = -TICK_SECONDS
        if timeout_seconds is not None:
            self.timeout_seconds = timeout_seconds

    def expired(self, seconds: float, transferred_bytes: int = 0) -> bool:
        """Add elapsed time, and return True if the deadline has passed.

        Args:
            seconds: The time since the last call.
            transferred_bytes: The size of the message so far; each `BYTES_PER_SECOND` of it extend
                the deadline by one second.
        """
        self.spent_seconds += seconds
        return self.spent_seconds > self.timeout_seconds + transferred_bytes / BYTES_PER_SECOND
