"""A Ray cluster of one machine, as processes, which tests may kill."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from support.eventually import until
from support.paths import ROOT


@dataclass
class RayHead:
    """A running cluster.

    Attributes:
        address: Its address.
        environment: Variables with the token that its clients need.
        server: Process of the control service (GCS).
    """

    address: str
    environment: dict[str, str]
    server: int


@contextmanager
def ray_head(folder: Path) -> Iterator[RayHead]:
    """Start the head of a cluster with one core; all of it ends with the context.

    Args:
        folder: An existing folder, for its log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(ROOT),
    }
    options = ("--port", str(port), "--node-ip-address", "127.0.0.1", "--num-cpus", "1")
    program = str(Path(sys.executable).with_name("ray"))
    command = [program, "start", "--head", "--block", "--include-dashboard=false", *options]
    with (folder / "ray.log").open("wb") as log:
        head = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    started: set[int] = set()
    try:
        until(lambda: b"Ray runtime started" in (folder / "ray.log").read_bytes(), 200)
        started |= descendants(head.pid)
        server = next(each for each in started if b"gcs_server" in command_of(each))
        yield RayHead(f"127.0.0.1:{port}", environment, server)
    finally:
        for process in started | descendants(head.pid):
            if b"ray" in command_of(process):  # else it has ended, and the number is another's
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        head.kill()
        head.wait()


def descendants(process: int) -> set[int]:
    """Return the children of a process, and theirs."""
    found: set[int] = set()
    parents = [process]
    while parents:
        for file in Path(f"/proc/{parents.pop()}/task").glob("*/children"):
            with suppress(OSError):  # it has ended
                children = {int(each) for each in file.read_text().split()}
                parents += children
                found |= children
    return found


def command_of(process: int) -> bytes:
    """Return the command line of a process; empty if it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""
