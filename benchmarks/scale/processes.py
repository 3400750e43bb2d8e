"""The processes of a job: their CPU time, and the memory of workers, as Linux counts them."""

import os
import re
import threading
from pathlib import Path
from typing import Final

from benchmarks.harness.processes import cpu_seconds

# What the command line of a worker has: of multiprocessing and Dask's nanny, and of Ray.
WORKERS: Final = (b"spawn_main", b"ray::")
SECONDS: Final = 0.2  # between two looks, since a worker may end


class PeakMemory(threading.Thread):
    """Looks at the peak of the resident memory of the workers that descend from this process.

    Args:
        ended: Ends the thread.

    Attributes:
        megabytes: The largest peak; that of this process if there are no workers.
    """

    def __init__(self, ended: threading.Event) -> None:
        super().__init__(name="memory", daemon=True)
        self.megabytes = 0.0
        self._ended = ended

    def run(self) -> None:
        while not self._ended.wait(SECONDS):
            workers = [each for each in _descendants() if _is_worker(each)]
            self.megabytes = max(self.megabytes, *map(_peak, workers or [os.getpid()]))


def cpu_seconds_of_job() -> float:
    """Return the CPU time of this process and of its running descendants."""
    return sum(map(cpu_seconds, (os.getpid(), *_descendants())))


def _descendants() -> list[int]:
    found, parents = [], [os.getpid()]
    while parents:
        for file in Path(f"/proc/{parents.pop()}/task").glob("*/children"):
            children = [int(each) for each in _read(file).split()]
            parents += children
            found += children
    return found


def _is_worker(process: int) -> bool:
    line = _read(Path(f"/proc/{process}/cmdline"))
    return any(name in line for name in WORKERS)


def _peak(process: int) -> float:
    match = re.search(rb"VmHWM:\s+(\d+) kB", _read(Path(f"/proc/{process}/status")))
    return int(match[1]) / 1000 if match else 0.0


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended
        return b""
