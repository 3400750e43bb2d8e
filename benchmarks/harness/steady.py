"""Steady requests: one is due at a fixed interval, sent by a separate process.

They are probes, or clients whose responses a load must not delay. A latency counts from when the
request was due, so that a stall affects all requests that were due during it.
"""

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import numpy as np

from benchmarks.harness.closed_loop import Request

TIMEOUT_SECONDS = 10
END_SECONDS = 3.0  # for the last responses
OK = 200


@dataclass(frozen=True)
class Steady:
    """A request at a fixed interval.

    Attributes:
        request: The request.
        every_seconds: The interval.
        is_kept: Whether all requests use one connection, or each a new one.
        source: The client's address.
    """

    request: Request
    every_seconds: float
    is_kept: bool = False
    source: str = "127.0.0.1"


@dataclass
class Answers:
    """The responses to a steady request.

    Attributes:
        latencies: The seconds of each 200.
        others: The number of requests with another status, by status; 0 is no response.
    """

    latencies: list[float] = field(default_factory=list)
    others: dict[int, int] = field(default_factory=dict)

    def add(self, status: int, seconds: float) -> None:
        """Count a response.

        Args:
            status: The status; 0 is no response.
            seconds: The latency.
        """
        if status == OK:
            self.latencies.append(seconds)
        else:
            self.others[status] = self.others.get(status, 0) + 1

    @property
    def share(self) -> float:
        """Share of requests with a 200, from 0 to 1."""
        return len(self.latencies) / max(1, len(self.latencies) + sum(self.others.values()))

    def quantile(self, share: float) -> float:
        """Return a quantile of the latencies of 200s in ms."""
        return float(np.quantile(self.latencies, share)) * 1e3 if self.latencies else np.nan


PROBES = {
    path: Steady(Request(path, method="GET", headers={}), 0.1)
    for path in ("/health/live", "/health/ready")
}


@contextmanager
def steady(port: int, kinds: Mapping[str, Steady]) -> Iterator[dict[str, Answers]]:
    """Send steady requests during the context.

    Args:
        port: The server's port.
        kinds: The requests by name.

    Yields:
        The responses by name, complete after the context.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_process, args=(port, dict(kinds), theirs), daemon=True)
    process.start()
    ours.recv()
    answers: dict[str, Answers] = {}
    try:
        yield answers
    finally:
        ours.send(None)
        answers.update(ours.recv())
        process.terminate()
        process.join()


def _process(port: int, kinds: Mapping[str, Steady], pipe: Pipe) -> None:
    """Send requests until the pipe has a message; then send the responses through it."""
    clients = [_Client(port, each) for each in kinds.values()]
    stop = threading.Event()
    threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    pipe.send(None)
    pipe.recv()
    stop.set()
    for thread in threads:
        thread.join()
    until = time.perf_counter() + END_SECONDS
    while any(client.are_due for client in clients) and time.perf_counter() < until:
        time.sleep(0.01)
    pipe.send({name: client.end() for name, client in zip(kinds, clients, strict=True)})


class _Client:
    """Sends one kind of steady request; each on a new connection has a thread."""

    def __init__(self, port: int, steady: Steady) -> None:
        self._port, self._steady = port, steady
        self._kept: http.client.HTTPConnection | None = None
        self._answers, self._lock = Answers(), threading.Lock()
        self.are_due = 0

    def run(self, stop: threading.Event) -> None:
        """Send requests when they are due, until `stop` is set."""
        due = time.perf_counter()
        while not stop.wait(max(0.0, due - time.perf_counter())):
            with self._lock:
                self.are_due += 1
            if self._steady.is_kept:
                self._one(due)
            else:
                threading.Thread(target=self._one, args=(due,), daemon=True).start()
            due += self._steady.every_seconds
        if self._kept:
            self._kept.close()

    def end(self) -> Answers:
        """Return the responses, with those still due as requests without a response."""
        with self._lock:
            for _ in range(self.are_due):
                self._answers.add(0, 0)
            return self._answers

    def _one(self, due: float) -> None:
        status = self._send()
        with self._lock:
            self.are_due -= 1
            self._answers.add(status, time.perf_counter() - due)

    def _send(self) -> int:
        """Send a request; return the status of its response, or 0 without a response."""
        request = self._steady.request
        headers = {**request.headers, **({} if self._steady.is_kept else {"Connection": "close"})}
        connection = self._kept or http.client.HTTPConnection(
            "127.0.0.1", self._port, TIMEOUT_SECONDS, source_address=(self._steady.source, 0)
        )
        try:
            connection.request(request.method, request.path, request.body or None, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._kept = None
            return 0
        if self._steady.is_kept:
            self._kept = connection
        else:
            connection.close()
        return response.status
