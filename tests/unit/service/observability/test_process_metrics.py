"""service/observability/process_metrics.py: the sum over a process and its children."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service.observability.process_metrics import process_metrics

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc of Linux"),
]

MEBIBYTE = 1 << 20
PROGRAM = """
import sys, time
held = b"x" * (64 << 20)
while time.process_time() < 0.5:
    pass
print("ready", flush=True)
sys.stdin.read()
"""


def values() -> dict[str, float]:
    return {metric.name: metric.samples[0].value for metric in process_metrics()}


@contextmanager
def child() -> Iterator[None]:
    """Run a process that holds 64 MiB and has used 0.5 s of CPU time."""
    command = [sys.executable, "-c", PROGRAM]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield


def test_children_count_and_their_cpu_time_stays() -> None:
    before = values()
    with child():
        during = values()
    after = values()
    resident = "process_resident_memory_bytes"
    assert during[resident] > before[resident] + 60 * MEBIBYTE
    assert after[resident] < during[resident] - 60 * MEBIBYTE
    assert during["process_open_fds"] >= before["process_open_fds"] + 3
    assert during["process_start_time_seconds"] == before["process_start_time_seconds"]
    seconds = "process_cpu_seconds"
    ticks = 0.05  # CPU times are rounded down to 10 ms
    assert before[seconds] + 0.5 - ticks <= during[seconds] <= after[seconds] + ticks


def test_metrics_are_named_as_those_of_one_process() -> None:
    names = {
        (metric.name, sample.name) for metric in process_metrics() for sample in metric.samples
    }
    assert ("process_cpu_seconds", "process_cpu_seconds_total") in names
    assert ("process_max_fds", "process_max_fds") in names
