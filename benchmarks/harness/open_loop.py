"""Open-loop load on kept connections: requests arrive by a schedule, independent of responses."""

import asyncio
import time
from collections import deque
from functools import partial
from typing import cast

import httptools
import numpy as np

from benchmarks.harness.closed_loop import Request
from benchmarks.harness.phase import Phase

CONNECTIONS = 400
DRAIN_SECONDS = 5.0


class _Client(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self, idle: deque["_Client"]) -> None:
        self._idle = idle
        self._phase: Phase | None = None
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self._idle.append(self)

    def send(self, message: bytes, phase: Phase, start: float) -> None:
        """Send a request, whose result goes to the phase that started at `start`."""
        self._phase, self._start = phase, start
        self._sent = time.perf_counter()
        self.transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        phase = self._phase
        assert phase is not None
        now = time.perf_counter()
        phase.sent.append(self._sent - self._start)
        phase.latencies.append(now - self._sent)
        phase.statuses.append(self._parser.get_status_code())
        self._phase = None
        if self._parser.should_keep_alive():
            self._idle.append(self)
        else:
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_open = False
        if self._phase is not None:
            self._phase.lost += 1


class Arrivals:
    """Random arrivals of one request at a port.

    Args:
        port: The server's port.
        request: The request.
    """

    def __init__(self, port: int, request: Request) -> None:
        self._port, self._message = port, request.raw()
        self._idle: deque[_Client] = deque()
        self._clients: list[_Client] = []
        self._generator = np.random.default_rng(0)

    async def run(self, rate: float, seconds: float, beginning: float) -> Phase:
        """Run one phase until its last response.

        Args:
            rate: Arrivals per second (Poisson).
            seconds: The duration.
            beginning: The length of the first part, which is left out of the results.
        """
        phase = Phase(seconds, beginning)
        await self._connect()
        due = np.cumsum(
            self._generator.exponential(1 / rate, int(rate * seconds * 1.1) + 10)
        ).tolist()
        start = time.perf_counter()
        number = 0
        while (now := time.perf_counter() - start) < seconds:
            while due[number] <= now:
                number += 1
                if client := self._free():
                    phase.offered.append(now)
                    client.send(self._message, phase, start)
            await asyncio.sleep(max(0.0, min(0.001, due[number] - now)))
        until = time.perf_counter() + DRAIN_SECONDS
        while len(phase.statuses) + phase.lost < len(phase.offered) and time.perf_counter() < until:
            await asyncio.sleep(0.01)
        return phase

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.transport.close()

    def _free(self) -> _Client | None:
        while self._idle:
            client = self._idle.popleft()
            if client.is_open:
                return client
        return None

    async def _connect(self) -> None:
        """Replace closed connections, up to CONNECTIONS."""
        self._clients = [client for client in self._clients if client.is_open]
        loop = asyncio.get_running_loop()
        while len(self._clients) < CONNECTIONS:
            factory = partial(_Client, self._idle)
            _, client = await loop.create_connection(factory, "127.0.0.1", self._port)
            self._clients.append(client)
