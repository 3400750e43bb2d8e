"""process_* metrics of a supervisor and its workers: the sum of their processes."""

import multiprocessing
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

_START_TIME: Final = "process_start_time_seconds"
_CPU_TIME: Final = "process_cpu_seconds"
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_ENDED_CPU_TIME: Final = slice(13, 15)  # of the fields of /proc/PID/stat after the name


def process_metrics() -> list[Metric]:
    """Return the metrics of the supervisor of this worker and of all its processes.

    Memory that processes share counts for each of them. CPU time includes that of workers that have
    ended, so it never decreases. The time of start is that of the supervisor.

    Returns:
        The metrics; none on systems without /proc.
    """
    parent = multiprocessing.parent_process()
    supervisor = os.getpid() if parent is None else parent.pid or 0
    totals: dict[str, Metric] = {}
    for pid in [supervisor, *_children_of(supervisor)]:
        for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
            total = totals.setdefault(metric.name, metric)
            if total is not metric and metric.name != _START_TIME:
                (before,), (own,) = total.samples, metric.samples
                total.samples = [before._replace(value=before.value + own.value)]
    if cpu_time := totals.get(_CPU_TIME):
        (before,) = cpu_time.samples
        seconds = _seconds_of_ended_children(supervisor)
        cpu_time.samples = [before._replace(value=before.value + seconds)]
    return list(totals.values())


def _children_of(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(each) for each in _read(pid, f"task/{pid}/children").split()]
    return []


def _seconds_of_ended_children(pid: int) -> float:
    with suppress(OSError):
        fields = _read(pid, "stat").rpartition(")")[2].split()
        return sum(map(int, fields[_ENDED_CPU_TIME])) / _TICKS_PER_SECOND
    return 0.0


def _read(pid: int, name: str) -> str:
    return Path("/proc", str(pid), name).read_text(encoding="ascii", errors="replace")
