"""An open loop: requests that arrive by a schedule, whether or not others were answered."""

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
    """What became of the requests of some seconds; times since its beginning, in seconds."""

    seconds: float
    beginning: float
    sent: list[float] = field(default_factory=list)  # of those that were answered
    latencies: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    checks: list[float] = field(default_factory=list)
    offered: list[float] = field(default_factory=list)
    lost: int = 0

    def quantile(self, status: int, share: float) -> float:
        """Of the latencies of answers of this status, in ms."""
        asked = np.array(self.latencies)[self._of(status)]
        return float(np.quantile(asked, share)) * 1e3 if len(asked) else np.nan

    def _of(self, status: int) -> "np.ndarray[tuple[int], np.dtype[np.bool]]":
        late = np.array(self.sent) >= self.beginning
        return np.asarray(late & (np.array(self.statuses) == status))

    def per_second(self, status: int) -> float:
        """How many were answered so."""
        return int(self._of(status).sum()) / (self.seconds - self.beginning)

    def offered_per_second(self) -> float:
        """How many were sent."""
        late = np.array(self.offered) >= self.beginning
        return int(late.sum()) / (self.seconds - self.beginning)


class _Client(asyncio.Protocol):
    """One connection, on which there is one request at a time."""

    def __init__(self, idle: deque["_Client"]) -> None:
        self._idle = idle
        self._phase: Phase | None = None
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self._idle.append(self)

    def ask(self, message: bytes, phase: Phase, start: float) -> None:
        """Send a request, and have its answer told to the phase that began then."""
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
    """Requests to a port, at some rate."""

    def __init__(self, port: int, request: Request) -> None:
        self._port, self._message = port, request.raw()
        self._check = Request("/health/live", method="GET", headers={}).raw()
        self._idle: deque[_Client] = deque()
        self._clients: list[_Client] = []
        self._draw = np.random.default_rng(0)

    async def run(self, rate: float, seconds: float, beginning: float) -> Phase:
        """One phase, until its last answer."""
        phase = Phase(seconds, beginning)
        await self._connect()
        due = np.cumsum(self._draw.exponential(1 / rate, int(rate * seconds * 1.1) + 10)).tolist()
        start = time.perf_counter()
        checking = asyncio.create_task(self._check_on(phase, start))
        number = 0
        while (now := time.perf_counter() - start) < seconds:
            while due[number] <= now:
                number += 1
                if client := self._free():
                    phase.offered.append(now)
                    client.ask(self._message, phase, start)
            await asyncio.sleep(max(0.0, min(0.001, due[number] - now)))
        await checking
        until = time.perf_counter() + DRAIN_SECONDS
        while len(phase.statuses) + phase.lost < len(phase.offered) and time.perf_counter() < until:
            await asyncio.sleep(0.01)
        return phase

    def close(self) -> None:
        """All connections."""
        for client in self._clients:
            client.transport.close()

    def _free(self) -> _Client | None:
        while self._idle:
            client = self._idle.popleft()
            if client.is_open:
                return client
        return None

    async def _connect(self) -> None:
        """Have as many connections as there may be."""
        self._clients = [client for client in self._clients if client.is_open]
        loop = asyncio.get_running_loop()
        while len(self._clients) < CONNECTIONS:
            make = partial(_Client, self._idle)
            _, client = await loop.create_connection(make, "127.0.0.1", self._port)
            self._clients.append(client)

    async def _check_on(self, phase: Phase, start: float) -> None:
        """Ask for the health all the time, on a connection of its own each."""
        loop = asyncio.get_running_loop()
        while time.perf_counter() - start < phase.seconds:
            idle: deque[_Client] = deque()
            told = Phase(0, 0)
            began = time.perf_counter()
            _, client = await loop.create_connection(
                partial(_Client, idle), "127.0.0.1", self._port
            )
            client.ask(self._check, told, start)
            while not told.statuses and not told.lost:
                await asyncio.sleep(0.001)
            client.transport.close()
            late = time.perf_counter() - began
            phase.checks.append(late if told.statuses == [200] else np.inf)
            await asyncio.sleep(CHECK_SECONDS)
