"""A service process that tests stop, and clients that count their responses meanwhile."""

import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Self

from support.eventually import until
from support.paths import ROOT

SECONDS = 60.0  # for a busy machine
GRACE_SECONDS = 10
LATEST_SECONDS = GRACE_SECONDS + 5  # stress_lifecycle.py asserts 1 s
HOST = b"Host: localhost\r\n"
ROWS = b'{"instances":[[5,1,1,1,2,1,3,1,1]]}'
PREDICT = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n" % len(ROWS)
ANSWER = re.compile(rb"HTTP/1\.1 (\d+) .*?content-length: (\d+)\r\n.*?\r\n\r\n", re.DOTALL)


class Service:
    """A service process, with or without workers, that logs to a file."""

    def __init__(self, artifact: Path, log: Path, **settings: object) -> None:
        self.log = log
        environment = {f"MALIGNANCY_{name.upper()}": str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", "service", "--port", "0", "--artifact", str(artifact)]
        self._file = log.open("wb")
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=self._file,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
            start_new_session=True,  # a test may send a signal to the whole group
        )
        self.pid = self.process.pid
        self.port = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        self._file.close()

    def until_listening(self, workers: int = 1) -> None:
        """Wait until `workers` processes have started."""

        def running() -> bool:
            assert self.process.poll() is None
            found = re.search(r"running on http://[\d.]+:(\d+)", self.log.read_text())
            self.port = int(found[1]) if found else 0
            return self.log.read_text().count("startup complete") >= workers > 0 < self.port

        until(running)

    def until_ready(self, workers: int = 1) -> None:
        """Wait until `workers` processes have started and the service is ready."""
        self.until_listening(workers)
        until(lambda: self.status("/health/ready") == 200)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def get(self, path: str) -> bytes:
        """Return the response, or nothing if the connection is refused."""
        try:
            with self.connect() as connection:
                connection.sendall(b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), HOST))
                return answer(connection) or b""
        except ConnectionError:
            return b""

    def status(self, path: str) -> int:
        return status_of(self.get(path))

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def send_signal_to_group(self, number: signal.Signals) -> None:
        """Send a signal to all processes, as Ctrl-C at a terminal does."""
        os.killpg(self.pid, number)

    def end(self, seconds: float = SECONDS) -> int:
        """Wait for the end of the process, and return its exit code."""
        return self.process.wait(seconds)


def status_of(answered: bytes | None) -> int:
    """Return the status of a response, 0 without one."""
    found = ANSWER.match(answered or b"")
    return int(found[1]) if found else 0


def answer(connection: socket.socket) -> bytes | None:
    """Receive one response; None if the connection ends before it is complete."""
    received = b""
    while True:
        found = ANSWER.match(received)
        if found and len(received) >= found.end() + int(found[2]):
            return received
        try:
            more = connection.recv(65536)
        except OSError:
            more = b""
        if not more:
            return None
        received += more


class Load:
    """Clients that send requests without end.

    Args:
        port: The port of the service.
        clients: The number of clients.
        kept_alive: True for persistent connections, False for a connection per request.
        pause_seconds: The maximum pause between two requests.

    Attributes:
        answered: The number of responses by status.
        lost: Requests that were sent completely and not answered.
        refused: The number of refused connections.
        closed: The number of connections that were closed before a request was sent.
    """

    def __init__(
        self, port: int, clients: int, *, kept_alive: bool, pause_seconds: float = 0
    ) -> None:
        self._port, self._kept_alive, self._pause_seconds = port, kept_alive, pause_seconds
        self.answered: Counter[int] = Counter()
        self.lost: list[str] = []
        self.refused = 0
        self.closed = 0
        self._end = threading.Event()
        self._clients = [threading.Thread(target=self._send_requests) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for client in self._clients:
            client.join()

    def _send_requests(self) -> None:
        head = b"" if self._kept_alive else b"Connection: close\r\n"
        request = PREDICT + head + b"\r\n" + ROWS
        while not self._end.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", self._port), SECONDS)
            except OSError:
                self.refused += 1
                time.sleep(0.02)
                continue
            with connection:
                while not self._end.is_set() and self._exchange(connection, request):
                    pass

    def _exchange(self, connection: socket.socket, request: bytes) -> bool:
        """Send one request; return True if the connection may be used again."""
        if self._pause_seconds:
            self._end.wait(random.uniform(0, self._pause_seconds))
        try:
            if select.select([connection], [], [], 0)[
                0
            ]:  # like a connection pool, check for a close
                raise ConnectionError
            connection.sendall(request)
        except OSError:
            self.closed += 1
            return False
        received = answer(connection)
        if received is None:
            self.lost.append(repr(connection))
            return False
        self.answered[status_of(received)] += 1
        return self._kept_alive and b"connection: close" not in received
