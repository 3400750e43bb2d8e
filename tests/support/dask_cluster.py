"""A Dask cluster of processes: a scheduler and workers, which tests may kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.eventually import until
from support.paths import ROOT

SECONDS = 90  # for a process to start on a busy machine


@dataclass
class DaskCluster:
    """A running cluster.

    Attributes:
        address: Address of the scheduler.
        scheduler: Its process.
        start_worker: Starts one more worker.
        workers: Processes of the workers, without nannies.
    """

    address: str
    scheduler: subprocess.Popen[bytes]
    start_worker: Callable[[], None]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)


@contextmanager
def dask_cluster(
    folder: Path,
    workers: int = 2,
    environment: Mapping[str, str] | None = None,
    protocol: str = "tcp",
    host: str = "127.0.0.1",
    prefix: Callable[[str], list[str]] = lambda _: [],
) -> Iterator[DaskCluster]:
    """Start a scheduler and workers with one thread each; they end with the context.

    Args:
        folder: An empty folder, for what the processes write.
        workers: Number of workers.
        environment: Further environment variables of the processes.
        protocol: "tcp" or "tls".
        host: Address that the scheduler listens on.
        prefix: Returns a command that runs the command after it, for dask_scheduler, dask_worker-0,
            dask_worker-1 and so on; empty to run that itself.
    """
    file = folder / "scheduler.json"
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "OPENBLAS_NUM_THREADS": "1",
        **(environment or {}),
    }

    def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            command = [
                *prefix(name),
                sys.executable,
                "-m",
                f"distributed.cli.{name.partition('-')[0]}",
                *arguments,
            ]
            process = subprocess.Popen(command, env=variables, cwd=folder, stderr=log, stdout=log)
        stack.callback(_end, process)
        return process

    with ExitStack() as stack:
        scheduler = start(
            "dask_scheduler",
            *("--host", host, "--protocol", protocol, "--port", "0", "--no-dashboard"),
            *("--scheduler-file", str(file)),
        )
        until(lambda: file.exists() and file.read_text().endswith("}"), SECONDS)
        address = json.loads(file.read_text())["address"]

        def start_worker() -> None:
            options = "--nthreads", "1", "--no-nanny", "--no-dashboard"
            name = f"dask_worker-{len(found.workers)}"
            found.workers.append(start(name, address, *options))

        found = DaskCluster(address, scheduler, start_worker)
        for _ in range(workers):
            start_worker()
        yield found


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
