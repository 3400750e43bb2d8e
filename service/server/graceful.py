"""uvicorn's server with a graceful shutdown: it drains, loses no sent request, and ends in time."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Final, cast

import uvicorn

from service.background import report_failure
from service.lifecycle import GRACE_SECONDS, Lifecycle, Phase
from service.protocol.http_protocol import HardenedHttpProtocol
from service.protocol.transport import limit_unsent_bytes

logger = logging.getLogger(__name__)

# Fixed values.
ACCEPTS: Final = 32  # maximum connections per iteration of the event loop
REJECT_AFTER: Final = 0.95  # of GRACE_SECONDS, after which unanswered requests are rejected
EXIT_SECONDS: Final = 0.35  # after GRACE_SECONDS, for cleanup that does not concern requests
POLL_SECONDS: Final = 0.02


class GracefulServer(uvicorn.Server):
    """A server that follows a `Lifecycle`.

    Args:
        config: uvicorn's configuration.
        lifecycle: The lifecycle of the process; the caller installs the signal handlers.
        on_started: Called when the server listens.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        lifecycle: Lifecycle,
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._on_started = on_started
        self._drain_started = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ignore SIGTERM and SIGINT afterwards: the process ends."""
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, unless the process is already stopping."""
        if not self._lifecycle.stopping:
            await super().startup(sockets)
            await self._listen_more()
            self._lifecycle.started = self.started
            self._on_started()
        if self._lifecycle.stopping:  # the process never reported ready: no drain is needed
            self._lifecycle.advance_to(Phase.CLOSING)
            self.should_exit = True

    async def _listen_more(self) -> None:
        """Accept up to `ACCEPTS` connections per iteration of the event loop.

        The event loop accepts one connection per iteration for each server. Further connections
        would wait in the kernel's queue, before admission control, so each listening socket gets
        several servers.
        """
        loop = asyncio.get_running_loop()
        for listener in [each for server in self.servers for each in server.sockets]:
            limit_unsent_bytes(listener)
            for _ in range(ACCEPTS - 1):
                duplicate = socket.socket(fileno=os.dup(listener.fileno()))
                self.servers.append(
                    await loop.create_server(
                        self._connect, sock=duplicate, backlog=self.config.backlog
                    )
                )

    def _connect(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        protocol = cast(Any, self.config.http_protocol_class)
        return cast(asyncio.Protocol, protocol(self.config, self.server_state, self.lifespan.state))

    async def on_tick(self, counter: int) -> bool:
        """Check, ten times a second, whether it is time to drain or to close."""
        if self._lifecycle.stopping and not self._drain_started:
            self._drain_started = True
            logger.info("shutdown_started", extra={"drain_seconds": self._lifecycle.drain_seconds})
            for connection in self._connections:
                connection.drain()
        return await super().on_tick(counter) or self._lifecycle.drained

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept queued connections, close, finish the current requests, and reject late ones."""
        logger.info("shutdown_closing")
        lifecycle = self._lifecycle
        ends_at = lifecycle.close_at + GRACE_SECONDS
        timer = threading.Timer(ends_at + EXIT_SECONDS - monotonic(), _exit_process)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # no thread can be started: the shutdown has no hard end, but goes on
            report_failure("exit_timer")
        queued = self._stop_listening(sockets or [])
        accept = asyncio.get_running_loop().connect_accepted_socket
        accepting = (accept(self._connect, each) for each in queued)
        await asyncio.gather(*accepting, return_exceptions=True)
        for connection in self._connections:
            connection.shutdown()
        await self._wait_for_requests(lifecycle.close_at + REJECT_AFTER * GRACE_SECONDS)
        for connection in self._connections:
            connection.abort()
        await self._wait_for_requests(ends_at)
        if not lifecycle.forced:
            await self.lifespan.shutdown()
        if self.server_state.tasks:
            logger.warning("requests_abandoned", extra={"requests": len(self.server_state.tasks)})
            _exit_process()  # without waiting for their threads

    @property
    def _connections(self) -> list[HardenedHttpProtocol]:
        return cast(list[HardenedHttpProtocol], list(self.server_state.connections))

    def _stop_listening(self, sockets: list[socket.socket]) -> list[socket.socket]:
        """Close the listening sockets, and return the connections in the kernel's queue.

        The close of the last descriptor resets connections in the queue, so it follows immediately
        after the queue is empty.
        """
        listening = [each.fileno() for server in self.servers for each in server.sockets]
        last = [socket.socket(fileno=os.dup(descriptor)) for descriptor in listening]
        for server in self.servers:
            server.close()
        for each in sockets:
            each.close()
        queued: list[socket.socket] = []
        for listener in last:
            with listener, suppress(OSError):
                while len(queued) < self.config.backlog:
                    queued.append(listener.accept()[0])
        return queued

    async def _wait_for_requests(self, until: float) -> None:
        """Wait until all connections and requests are finished, at most until a monotonic time."""
        state = self.server_state
        while (
            (state.connections or state.tasks)
            and monotonic() < until
            and not self._lifecycle.forced
        ):
            await asyncio.sleep(POLL_SECONDS)


def _exit_process() -> None:
    """Exit with code 0 at once, whatever its threads still do; buffered log lines are written."""
    logging.shutdown()
    os._exit(0)
