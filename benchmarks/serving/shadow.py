"""Latency of single rows with and without a shadow version, at 0.8 of the peak.

    python -m benchmarks.serving.shadow ARTIFACT CANDIDATE            # 2 minutes
    python -m benchmarks.serving.shadow ARTIFACT CANDIDATE --quick    # a quarter of a minute

Two services store predictions in SQLite; one of them has the candidate as its shadow version.
The peak is that of the service without it, in a closed loop, the lowest of three.
Then requests arrive at random, at 0.8 of the peak, in turns of both services on one core.
The goal is a p99 of at most 1.10 times the one without, the median of the rounds.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import contextlib  # noqa: E402
import http.client  # noqa: E402
import re  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

import uvloop  # noqa: E402

from benchmarks.harness import command_line, table  # noqa: E402
from benchmarks.harness.closed_loop import Request, load  # noqa: E402
from benchmarks.harness.open_loop import Arrivals  # noqa: E402
from benchmarks.harness.phase import Phase  # noqa: E402
from benchmarks.harness.processes import LOAD_CORE, Running  # noqa: E402
from benchmarks.serving.servers import body_of, named, ours, rows_of  # noqa: E402
from model.artifacts import artifact  # noqa: E402

CONNECTIONS = 16  # of the closed loop
PEAKS = 3  # measured; the lowest counts
SHARE = 0.8  # of the peak
GOAL = 1.10


def phase_of(running: Running, request: Request, rate: float, seconds: float) -> Phase:
    """Load a server in an open loop.

    Args:
        running: The server.
        request: The request.
        rate: Arrivals per second.
        seconds: The duration; the first second is left out of the results.
    """

    async def run() -> Phase:
        arrivals = Arrivals(running.port, request)
        try:
            return await arrivals.run(rate, seconds, 1.0)
        finally:
            arrivals.close()

    with running.awake():
        return uvloop.run(run())


def counts_of(running: Running) -> dict[str, float]:
    """Return the rows that the shadow version has predicted, and those dropped by reason."""
    with running.awake():
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        text = connection.getresponse().read().decode()
        connection.close()
    found = re.findall(r"^malignancy_(shadow_\w+_total)(\S*) (\S+)$", text, re.MULTILINE)
    return {f"{name}{labels}": float(value) for name, labels, value in found}


def main() -> int:
    """Print the table; return 1 if the goal is missed."""
    parser = command_line.parser(__doc__)
    parser.add_argument("candidate", type=Path, help="artifact of the shadow version")
    chosen = parser.parse_args()
    predictor = artifact.load(chosen.artifact)
    request = Request("/predict", body_of(named(predictor.schema.names, rows_of(1))[0]))
    rounds, seconds = (1, 4) if chosen.quick else (9, 6)
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = []
        for name, flags in (
            ("without", ()),
            ("with", ("--shadow", f"{predictor.name}={chosen.candidate.absolute()}")),
        ):
            store = f"sqlite:///{Path(folder, name)}.db"
            given = ("--store", store, "--store-keeps", "inputs", *flags)
            running = Running(
                ours(name, chosen.artifact.absolute(), *given), Path(folder), chosen.root.absolute()
            )
            stack.callback(running.stop)
            running.suspend()
            servers.append(running)
        with servers[0].awake():
            load(servers[0].port, request, 1, CONNECTIONS)
            peak = min(
                load(servers[0].port, request, 3, CONNECTIONS).succeeded_per_second
                for _ in range(PEAKS)
            )
        phases: list[list[Phase]] = [[], []]
        for number in range(rounds):
            for at in (0, 1) if number % 2 else (1, 0):
                phases[at].append(phase_of(servers[at], request, SHARE * peak, seconds))
        rows = [
            (
                title,
                [
                    statistics.median(each.per_second(200) for each in found),
                    statistics.median(each.quantile(200, 0.5) for each in found),
                    statistics.median(each.quantile(200, 0.99) for each in found),
                    max(each.failed() for each in found),
                ],
            )
            for title, found in zip(("without a shadow version", "with one"), phases, strict=True)
        ]
        columns = ("answers/s", "p50 ms", "p99 ms", "failed")
        table.show(f"One row per request, at {SHARE:g} of {peak:,.0f} per second", columns, rows)
        for name, value in counts_of(servers[1]).items():
            print(f"{name} {value:,.0f}")
    ratio = statistics.median(
        other.quantile(200, 0.99) / one.quantile(200, 0.99)
        for one, other in zip(*phases, strict=True)
    )
    goals = [table.at_most("p99 with ÷ p99 without", ratio, GOAL)]
    table.show("Goal", ("measured", "goal", "met"), goals)
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
