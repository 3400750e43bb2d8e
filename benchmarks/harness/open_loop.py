"""Open-loop load: requests arrive by a schedule, independent of earlier responses."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import httptools
import numpy as np

from benchmarks.harness.closed_loop import Request

CONNECTIONS = 400
DRAIN_SECONDS = 5.0
CHECK_SECONDS = 0.05


@dataclass
class Phase:
    """The results of one phase. Times are seconds since its start.

    Attributes:
        seconds: The duration.
        beginning: The length of the first part, which is left out of all results.
        sent: When each answered request was sent.
        latencies: The seconds of each response.
        statuses: The status of each response.
        checks: The seconds of each health check; infinite if it failed.
        offered: When each request was sent, answered or not.
        lost: The number of connections that were closed without a response.
    """

    seconds: float
    beginning: float
    sent: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    checks: list[float] = field(default_factory=list)
    offered: list[float] = field(default_factory=list)
    lost: int = 0

    def quantile(self, status: int, share: float) -> float:
        """Return a quantile of the latencies in ms.

        Args:
            status: The status of the responses.
            share: The quantile, from 0 to 1.
        """
        latencies = np.array(self.latencies)[self._with_status(status)]
        return float(np.quantile(latencies, share)) * 1e3 if len(latencies) else np.nan

    def _with_status(self, status: int) -> "np.ndarray[tuple[int], np.dtype[np.bool]]":
        counted = np.array(self.sent) >= self.beginning
        return np.asarray(counted & (np.array(self.statuses) == status))

    def per_second(self, status: int) -> float:
        """Return the responses of this status per second."""
        return int(self._with_status(status).sum()) / (self.seconds - self.beginning)

    def offered_per_second(self) -> float:
        """Return the requests sent per second."""
        counted = np.array(self.offered) >= self.beginning
        return int(counted.sum()) / (self.seconds - self.beginning)


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
        self._check = Request("/health/live", method="GET", headers={}).raw()
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
        checking = asyncio.create_task(self._check_health(phase, start))
        number = 0
        while (now := time.perf_counter() - start) < seconds:
            while due[number] <= now:
                number += 1
                if client := self._free():
                    phase.offered.append(now)
                    client.send(self._message, phase, start)
            await asyncio.sleep(max(0.0, min(0.001, due[number] - now)))
        await checking
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

    async def _check_health(self, phase: Phase, start: float) -> None:
        """Check the health repeatedly, each time on a new connection."""
        loop = asyncio.get_running_loop()
        while time.perf_counter() - start < phase.seconds:
            idle: deque[_Client] = deque()
            check = Phase(0, 0)
            check_start = time.perf_counter()
            _, client = await loop.create_connection(
                partial(_Client, idle), "127.0.0.1", self._port
            )
            client.send(self._check, check, start)
            while not check.statuses and not check.lost:
                await asyncio.sleep(0.001)
            client.transport.close()
            elapsed = time.perf_counter() - check_start
            phase.checks.append(elapsed if check.statuses == [200] else np.inf)
            await asyncio.sleep(CHECK_SECONDS)
