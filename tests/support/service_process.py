"""A service process that tests start, and answers that they read from its connections."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from support.eventually import until
from support.paths import ROOT

SECONDS = 60.0  # for a busy machine
HOST = b"Host: localhost\r\n"
ANSWER = re.compile(rb"HTTP/1\.1 (\d+) .*?content-length: (\d+)\r\n.*?\r\n\r\n", re.DOTALL)


class Service:
    """A service process, with or without workers, that logs to a file.

    It listens on a free port, unless the settings have one.
    """

    def __init__(self, artifact: Path | str, log: Path, **settings: object) -> None:
        self.log = log
        port = str(settings.pop("port", 0))
        environment = {f"MALIGNANCY_{name.upper()}": str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", "service", "--port", port, "--artifact", str(artifact)]
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

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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


@contextmanager
def running_service(artifact: Path | str, log: Path, **settings: object) -> Iterator[Service]:
    """Run a service within the context, from when it listens; SIGTERM must end it with code 0.

    Args:
        artifact: The artifact to serve.
        log: The file for its log.
        settings: Settings by name, in lower case and without the prefix.
    """
    with Service(artifact, log, **settings) as service:
        service.until_listening()
        yield service
        service.send_signal(signal.SIGTERM)
        assert service.end() == 0


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
