"""Closed-loop load: a fixed number of connections, each sending a request after each response.

The load generator is wrk where it is installed, else asyncio, which uses more CPU of its core. A
latency is the time from sending a request to the complete response.
"""

import asyncio
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self, cast

import httptools
import numpy as np
import uvloop

RESPONSE_SECONDS = 60
WRK = """
local file = io.open(os.getenv("WRK_BODY"), "rb")
wrk.method, wrk.body = os.getenv("WRK_METHOD"), file:read("*a")
file:close()
function done(summary, latency)
  local errors = summary.errors
  local failures = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"requests": %d, "microseconds": %d, "failures": %d, "p50": %d, ' ..
    '"p99": %d}', summary.requests, summary.duration, failures,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Request:
    """A request, POST by default.

    Attributes:
        path: The path.
        body: The body.
        headers: Headers other than Host and Content-Length.
        method: The method.
    """

    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    method: str = "POST"

    def raw(self) -> bytes:
        """Return the request as bytes on the wire."""
        head = {"Host": "127.0.0.1", "Content-Length": str(len(self.body)), **self.headers}
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *(f"{k}: {v}" for k, v in head.items()),
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + self.body


@dataclass(frozen=True)
class Figures:
    """The results of a load. A failure, such as a status from 400, makes them invalid.

    Attributes:
        requests: The number of responses.
        per_second: Responses per second.
        p50: The median latency in ms.
        p99: The 99th percentile of the latency in ms.
        failures: The number of failed requests.
    """

    requests: int
    per_second: float
    p50: float
    p99: float
    failures: int

    @property
    def succeeded_per_second(self) -> float:
        """Responses per second that are no failure."""
        return self.per_second * (1 - self.failures / self.requests) if self.requests else 0.0


class Connection:
    """A persistent connection. Raises OSError when the server is gone."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=RESPONSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, request: Request) -> tuple[int, bytes]:
        """Send a request; return the status and the body of the response."""
        self._connection.request(
            request.method, request.path, request.body or None, dict(request.headers)
        )
        response = self._connection.getresponse()
        return response.status, response.read()


def status_of(port: int, request: Request) -> int:
    """Return the status of the response to one request on a new connection."""
    with Connection(port) as connection:
        return connection.send(request)[0]


def load(port: int, request: Request, seconds: int, connections: int) -> Figures:
    """Load a server.

    Args:
        port: The server's port.
        request: The request.
        seconds: The duration.
        connections: The number of connections.
    """
    if shutil.which("wrk"):
        return _by_wrk(port, request, seconds, connections)
    return uvloop.run(_by_asyncio(port, request, seconds, connections))


def _by_wrk(port: int, request: Request, seconds: int, connections: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        script, body = Path(folder, "load.lua"), Path(folder, "body")
        script.write_text(WRK)
        body.write_bytes(request.body)
        headers = [part for k, v in request.headers.items() for part in ("-H", f"{k}: {v}")]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), *headers]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{request.path}"],
            env={**os.environ, "WRK_BODY": str(body), "WRK_METHOD": request.method},
            capture_output=True,
            text=True,
            timeout=seconds + RESPONSE_SECONDS,
            check=True,
        )
    report = json.loads(done.stdout[done.stdout.rindex("{") :])
    per_second = report["requests"] / report["microseconds"] * 1e6
    return Figures(
        report["requests"], per_second, report["p50"] / 1e3, report["p99"] / 1e3, report["failures"]
    )


class _Client(asyncio.Protocol):
    """One connection: a request, its response, the next request."""

    def __init__(self, message: bytes, until: float) -> None:
        self.message, self.until = message, until
        self.latencies: list[float] = []
        self.failures = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.sent = time.perf_counter()
        self.transport.write(self.message)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self.sent)
        self.failures += self.parser.get_status_code() != 200
        if now > self.until or not self.parser.should_keep_alive():
            self.transport.close()
        else:
            asyncio.get_running_loop().call_soon(self._send)

    def connection_lost(self, _error: Exception | None) -> None:
        self.failures += time.perf_counter() < self.until
        self.ended.set_result(None)


async def _by_asyncio(port: int, request: Request, seconds: int, connections: int) -> Figures:
    loop, message = asyncio.get_running_loop(), request.raw()
    start = time.perf_counter()
    factory = partial(_Client, message, start + seconds)
    opened = [await loop.create_connection(factory, "127.0.0.1", port) for _ in range(connections)]
    clients = [client for _, client in opened]
    await asyncio.wait_for(
        asyncio.gather(*(client.ended for client in clients)), seconds + RESPONSE_SECONDS
    )
    elapsed = time.perf_counter() - start
    latencies = np.concatenate([client.latencies for client in clients])
    if not len(latencies):
        return Figures(0, 0, np.nan, np.nan, connections)
    p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
    failures = sum(client.failures for client in clients)
    return Figures(len(latencies), len(latencies) / elapsed, p50, p99, failures)
