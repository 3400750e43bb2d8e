"""The service under overload: twice and ten times its capacity, and its recovery afterwards.

    python -m benchmarks.serving.overload [ARTIFACT]          # about eight minutes

Requests arrive by a schedule (Poisson), independent of earlier responses, each on a free
connection. The peak is the rate of a closed loop, measured before and after a phase. Goodput is the
number of 200 responses per second; latencies count from the sending of a request. An arrival for
which none of 400 connections is free is not sent: the offered load is a multiple of the peak. All
results leave out the beginning of a phase, in which queues fill: 0.5 s, or 4 s for large bodies.
Each result is the median of ROUNDS rounds. The server and the load have one core each.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402
import uvloop  # noqa: E402

from benchmarks.harness.closed_loop import Request, load  # noqa: E402
from benchmarks.harness.open_loop import Arrivals, Phase  # noqa: E402
from benchmarks.harness.processes import LOAD_CORE, ROOT, Running, Server  # noqa: E402

ROUNDS = 3
PEAK_SECONDS = 2
SMALL, LARGE = (5.0, 0.5), (9.0, 4.0)  # seconds of a phase and of its beginning
PEAK_CONNECTIONS = (8, 16, 32)
LARGE_ROWS, LARGE_CONNECTIONS = 20_000, 4
WINDOW_SECONDS = 0.25
REJECTED = 503
LOADS = ((0.8,), (2.0,), (10.0, 0.8))  # multiples of the peak, which is measured before each


def recovery(phase: Phase, good_ms: float) -> float:
    """Return the seconds until the last window of a phase with rejections or late responses.

    Args:
        phase: The phase after an overload.
        good_ms: The largest median latency that is not late, in ms.
    """
    sent, statuses = np.array(phase.sent), np.array(phase.statuses)
    window = (sent / WINDOW_SECONDS).astype(int)
    recovered = 0
    for number in range(int(phase.seconds / WINDOW_SECONDS)):
        here = window == number
        late = np.array(phase.latencies)[here] * 1e3
        if (statuses[here] != 200).any() or (len(late) and np.median(late) > good_ms):
            recovered = number + 1
    return recovered * WINDOW_SECONDS


COLUMNS = (
    *("offered", "goodput", "of peak", "p50 ms", "p99 ms"),
    *("rejected %", "in ms", "p99 ms", "health p99"),
)


def figures(phase: Phase, peak: float) -> list[float]:
    """Return the COLUMNS of a phase.

    Args:
        phase: The phase.
        peak: The peak rate per second.
    """
    offered, goodput = phase.offered_per_second(), phase.per_second(200)
    rejected = phase.per_second(REJECTED)
    others = len(phase.offered) - phase.statuses.count(200) - phase.statuses.count(REJECTED)
    if others:
        print(f"  ({others} without a response, or with another status: {set(phase.statuses)})")
    return [
        *(offered / peak, goodput, goodput / peak),
        *(phase.quantile(200, 0.5), phase.quantile(200, 0.99)),
        *(100 * rejected / offered, phase.quantile(REJECTED, 0.5), phase.quantile(REJECTED, 0.99)),
        float(np.quantile(phase.checks, 0.99)) * 1e3,
    ]


async def some_phases(
    port: int, request: Request, rates: Sequence[float], spans: tuple[float, float]
) -> list[Phase]:
    """Run phases one after another.

    Args:
        port: The server's port.
        request: The request.
        rates: The arrivals per second of each phase.
        spans: The seconds of a phase and of its beginning.
    """
    arrivals = Arrivals(port, request)
    done = [await arrivals.run(rate, *spans) for rate in rates]
    arrivals.close()
    return done


def one_round(
    peak: Callable[[], float], port: int, request: Request, spans: tuple[float, float]
) -> tuple[list[list[float]], float]:
    """Run all of LOADS once.

    Args:
        peak: Measures the peak rate.
        port: The server's port.
        request: The request.
        spans: The seconds of a phase and of its beginning.

    Returns:
        The COLUMNS of each load, and the seconds to recover from the last overload.
    """
    table, good, recovered, before = [], np.nan, np.nan, peak()
    for loads in LOADS:
        rates = [load * before for load in loads]
        phases = uvloop.run(some_phases(port, request, rates, spans))
        after = peak()
        table += [figures(phase, (before + after) / 2) for phase in phases]
        good = phases[0].quantile(200, 0.99) if np.isnan(good) else good
        recovered = recovery(phases[-1], 2 * good)
        before = after
    return table, recovered


def rounds(
    port: int, request: Request, connections: Sequence[int], spans: tuple[float, float]
) -> None:
    """Run ROUNDS rounds and print a table.

    Args:
        port: The server's port.
        request: The request.
        connections: The numbers of connections among which the peak is searched.
        spans: The seconds of a phase and of its beginning.
    """

    def peak(connections: int) -> float:
        result = load(port, request, PEAK_SECONDS, connections)
        return result.per_second * (1 - result.failures / result.requests)

    peaks = {each: peak(each) for each in connections}
    best = max(peaks, key=peaks.__getitem__)
    print(f"{peaks[best]:,.0f} requests/s at the peak, with {best} connections")
    done = [one_round(partial(peak, best), port, request, spans) for _ in range(ROUNDS)]
    print("    load" + "".join(f"{each:>12}" for each in COLUMNS))
    table = np.median([table for table, _ in done], axis=0)
    for each, row in zip(chain(*LOADS), table, strict=True):
        print(f"  {each:5g}×" + "".join(f"{figure:12,.2f}" for figure in row))
    seconds = ", ".join(f"{recovered:g}" for _, recovered in done)
    print(f"  recovered {seconds} s after the overload", flush=True)


def requests(names: Sequence[str]) -> Mapping[str, tuple[Request, Sequence[int]]]:
    """Return the requests, and the numbers of connections to try for their peak."""
    row = "5,1,1,1,2,1,3,1,1"
    some = ",".join([f"[{row}]"] * 200)
    many = ",".join([f"[{row}]"] * LARGE_ROWS)
    table = ",".join(names) + "\n" + f"{row}\n" * LARGE_ROWS
    csv = {"Content-Type": "text/csv"}
    return {
        "one row": (Request("/predict", b'{"instances":[[%b]]}' % row.encode()), PEAK_CONNECTIONS),
        "200 rows": (
            Request("/predict", b'{"instances":[%b]}' % some.encode()),
            PEAK_CONNECTIONS,
        ),
        f"{LARGE_ROWS} rows, JSON": (
            Request("/predict", b'{"instances":[%b]}' % many.encode()),
            (LARGE_CONNECTIONS,),
        ),
        f"{LARGE_ROWS} rows, CSV": (Request("/predict", table.encode(), csv), (LARGE_CONNECTIONS,)),
    }


def main() -> None:
    """Print a table for each kind of request."""
    from model.artifacts import artifact

    argument = sys.argv[1] if len(sys.argv) > 1 else ROOT / "artifacts" / "wisconsin.joblib"
    path = Path(argument).absolute()
    command = (sys.executable, "-m", "service", "--port", "PORT", "--artifact", str(path))
    server = Server("service", command, "/health/ready")
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running = Running(server, Path(folder))
        stack.callback(running.stop)
        for name, (request, connections) in requests(artifact.load(path).schema.names).items():
            print(f"\n{name}: ", end="")
            rounds(running.port, request, connections, SMALL if len(connections) > 1 else LARGE)


if __name__ == "__main__":
    main()
