"""uvicorn's server, but for its end: it drains, loses nothing that was sent, and ends in time."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final, cast

import uvicorn

from service.lifecycle import GRACE_SECONDS, Lifecycle, Phase
from service.protocol.connection import Connection
from service.server.accept_queue import take_what_waits

logger = logging.getLogger(__name__)

REJECT_AFTER: Final = 0.95  # of the grace, until what is still not answered is refused
EXIT_SECONDS: Final = 0.35  # after the grace, for what is not to do with requests
POLL_SECONDS: Final = 0.02
PROPAGATION_SECONDS: Final = 0.1  # that all lifecycle, by the supervisor that had the same signal


class GracefulServer(uvicorn.Server):
    """Stops as `stop` is told, also by these signals; with handlers for the main thread only."""

    def __init__(
        self,
        config: uvicorn.Config,
        lifecycle: Lifecycle,
        signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
    ) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._signals = signals
        self._told = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals within; afterwards they are ignored, as the end has come anyway."""
        for each in self._signals:
            signal.signal(each, self._lifecycle.on_signal)
        try:
            yield
        finally:
            for each in self._signals:
                signal.signal(each, signal.SIG_IGN)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, unless the stop came first."""
        if not self._lifecycle.stopping:
            await super().startup(sockets)
        if self._lifecycle.stopping:  # nobody was told that it is ready: there is nothing to drain
            self._lifecycle.advance_to(Phase.CLOSING)
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look, ten times a second, whether it is time to close."""
        if self._lifecycle.stopping and not self._told:
            self._told = True
            logger.info("told to stop, in %g s", self._lifecycle.drain_seconds)
            for connection in self._connections:
                connection.drain()
        return await super().on_tick(counter) or self._lifecycle.drained

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take what waits, close, finish what is under way, and refuse what does not get done."""
        logger.info("closing")
        lifecycle = self._lifecycle
        ends = lifecycle.close_at + GRACE_SECONDS
        end = threading.Timer(ends + EXIT_SECONDS - monotonic(), end_process)
        end.daemon = True
        end.start()
        listeners = [each.fileno() for server in self.servers for each in server.sockets]
        if not lifecycle.all_workers:  # perhaps the supervisor has not told it yet
            await asyncio.sleep(PROPAGATION_SECONDS)
        if lifecycle.all_workers:
            await take_what_waits(listeners)
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        for connection in self._connections:
            connection.shutdown()
        await self._finish(lifecycle.close_at + REJECT_AFTER * GRACE_SECONDS)
        for connection in self._connections:
            connection.give_up()
        await self._finish(ends)
        if not lifecycle.forced:
            await self.lifespan.shutdown()
        if self.server_state.tasks:
            logger.warning("%d requests were given up", len(self.server_state.tasks))
            end_process()  # their threads are not waited for

    @property
    def _connections(self) -> list[Connection]:
        return cast(list[Connection], list(self.server_state.connections))

    async def _finish(self, until: float) -> None:
        """Wait for all connections and requests, but no longer."""
        state = self.server_state
        while (
            (state.connections or state.tasks)
            and monotonic() < until
            and not self._lifecycle.forced
        ):
            await asyncio.sleep(POLL_SECONDS)


def end_process() -> None:
    """End it as a good one, whatever still goes on in its threads."""
    logging.shutdown()
    os._exit(0)
