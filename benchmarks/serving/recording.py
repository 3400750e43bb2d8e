"""Throughput, latency and memory of single rows with a store, beside a service without one.

    python -m benchmarks.serving.recording ARTIFACT            # 3 minutes
    python -m benchmarks.serving.recording ARTIFACT --quick    # half a minute

Each level of the store in SQLite has its service. The peaks are those of a closed loop, in turns.
Then requests arrive at random, at 0.8 of the lowest peak. The goals: 0.9 of the throughput, 1.05
times the p99, and 4 MB more resident memory, medians of the rounds. On a machine with other work,
the CPU time of an answer, with that of the writer, says more than the answers per second.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import contextlib  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.harness import command_line, table  # noqa: E402
from benchmarks.harness.closed_loop import Request, load  # noqa: E402
from benchmarks.harness.phase import Phase  # noqa: E402
from benchmarks.harness.processes import LOAD_CORE, Running  # noqa: E402
from benchmarks.serving.servers import body_of, named, ours, rows_of  # noqa: E402
from benchmarks.serving.shadow import CONNECTIONS, SHARE, phase_of  # noqa: E402
from model.artifacts import artifact  # noqa: E402

LEVELS = ("none", "counts", "predictions", "inputs")
WRITTEN_SECONDS = 0.3  # until the last rows are written
MIN_THROUGHPUT, MAX_P99, MAX_MEGABYTES = 0.9, 1.05, 4.0


def main() -> int:
    """Print the table; return 1 if a goal is missed."""
    chosen = command_line.parser(__doc__).parse_args()
    predictor = artifact.load(chosen.artifact)
    request = Request("/predict", body_of(named(predictor.schema.names, rows_of(1))[0]))
    rounds, seconds = (1, 3) if chosen.quick else (7, 4)
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers: list[Running] = []
        for level in LEVELS:
            store = ("--store", f"sqlite:///{Path(folder, level)}.db", "--store-keeps", level)
            given = () if level == "none" else store
            running = Running(
                ours(level, chosen.artifact.absolute(), *given),
                Path(folder),
                chosen.root.absolute(),
            )
            stack.callback(running.stop)
            running.suspend()
            servers.append(running)
        order = range(len(servers))
        peaks: list[list[float]] = [[] for _ in order]
        costs: list[list[float]] = [[] for _ in order]
        for number in range(rounds + 1):
            for at in order if number % 2 else reversed(order):
                with servers[at].awake():
                    before = servers[at].cpu_seconds()
                    found = load(servers[at].port, request, seconds, CONNECTIONS)
                    time.sleep(WRITTEN_SECONDS)
                    used = servers[at].cpu_seconds() - before
                if number:  # the first round warms up
                    peaks[at].append(found.succeeded_per_second)
                    costs[at].append(1e6 * used / max(1, found.requests))
        rate = SHARE * min(statistics.median(each) for each in peaks)
        phases: list[list[Phase]] = [[] for _ in order]
        for number in range(rounds):
            for at in order if number % 2 else reversed(order):
                phases[at].append(phase_of(servers[at], request, rate, seconds + 1))
        memory = [each.megabytes() for each in servers]
    rows, goals = [], []
    for at, level in enumerate(LEVELS):
        quick = [each.quantile(200, 0.5) for each in phases[at]]
        slow = [each.quantile(200, 0.99) for each in phases[at]]
        figures = [statistics.median(each) for each in (peaks[at], quick, slow)]
        rows.append((level, [*figures, statistics.median(costs[at]), memory[at]]))
        if not at:
            continue
        pairs = zip(phases[0], phases[at], strict=True)
        latency = [other.quantile(200, 0.99) / one.quantile(200, 0.99) for one, other in pairs]
        cost = [one / other for one, other in zip(costs[0], costs[at], strict=True)]
        speed = [other / one for one, other in zip(peaks[0], peaks[at], strict=True)]
        goals += [
            table.at_least(f"{level}: throughput", statistics.median(speed), MIN_THROUGHPUT),
            table.at_least(f"{level}: by CPU time", statistics.median(cost), MIN_THROUGHPUT),
            table.at_most(f"{level}: p99", statistics.median(latency), MAX_P99),
            table.at_most(f"{level}: more MB", memory[at] - memory[0], MAX_MEGABYTES),
        ]
    columns = ("answers/s", "p50 ms", "p99 ms", "CPU µs", "resident MB")
    table.show(f"One row per request; latencies at {rate:,.0f} per second", columns, rows)
    table.show("Goals, beside none", ("measured", "goal", "met"), goals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
