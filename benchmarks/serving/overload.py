"""What the service does with more than it can: twice and ten times as much, and afterwards.

    python -m benchmarks.serving.overload [ARTIFACT]          # about eight minutes

Requests arrive by a schedule (Poisson), whether or not others were answered, each on a connection
that waits for no answer. The peak is that of a closed loop, before and after a phase. Goodput is
what was answered with 200 a second; latencies count from the sending of a request. An arrival for
which none of 400 connections is free is not sent: what is offered to the service is told as a
multiple of the peak. All figures leave out the beginning of a phase, in which queues fill: half a
second, of large bodies four; each is the median of ROUNDS. The server has a core to itself, as does
the load.
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
SMALL, LARGE = (5.0, 0.5), (9.0, 4.0)  # the seconds of a phase, and of its beginning
PEAK_CONNECTIONS = (8, 16, 32)
LARGE_ROWS, LARGE_CONNECTIONS = 20_000, 4
WINDOW_SECONDS = 0.25
REFUSED = 503
LOADS = ((0.8,), (2.0,), (10.0, 0.8))  # multiples of the peak; before each, it is measured anew


def recovery(phase: Phase, good_ms: float) -> float:
    """The seconds from its beginning until no window of it has refusals or is late any more."""
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
    *("refused %", "in ms", "p99 ms", "health p99"),
)


def figures(phase: Phase, peak: float) -> list[float]:
    """Of a phase: COLUMNS."""
    offered, answered = phase.offered_per_second(), phase.per_second(200)
    refused = phase.per_second(REFUSED)
    others = len(phase.offered) - phase.statuses.count(200) - phase.statuses.count(REFUSED)
    if others:
        print(f"  ({others} had no answer, or another: {set(phase.statuses)})")
    return [
        *(offered / peak, answered, answered / peak),
        *(phase.quantile(200, 0.5), phase.quantile(200, 0.99)),
        *(100 * refused / offered, phase.quantile(REFUSED, 0.5), phase.quantile(REFUSED, 0.99)),
        float(np.quantile(phase.checks, 0.99)) * 1e3,
    ]


async def some_phases(
    port: int, request: Request, rates: Sequence[float], spans: tuple[float, float]
) -> list[Phase]:
    """One after another."""
    arrivals = Arrivals(port, request)
    done = [await arrivals.run(rate, *spans) for rate in rates]
    arrivals.close()
    return done


def one_round(
    peak: Callable[[], float], port: int, request: Request, spans: tuple[float, float]
) -> tuple[list[list[float]], float]:
    """The figures of each of LOADS, and the seconds to recover after the last overload."""
    table, good, recovered, before = [], np.nan, np.nan, peak()
    for loads in LOADS:
        rates = [load * before for load in loads]
        some = uvloop.run(some_phases(port, request, rates, spans))
        after = peak()
        table += [figures(phase, (before + after) / 2) for phase in some]
        good = some[0].quantile(200, 0.99) if np.isnan(good) else good
        recovered = recovery(some[-1], 2 * good)
        before = after
    return table, recovered


def rounds(
    port: int, request: Request, connections: Sequence[int], spans: tuple[float, float]
) -> None:
    """Print a table."""

    def peak(connections: int) -> float:
        told = load(port, request, PEAK_SECONDS, connections)
        return told.per_second * (1 - told.failures / told.requests)

    peaks = {each: peak(each) for each in connections}
    best = max(peaks, key=peaks.__getitem__)
    print(f"{peaks[best]:,.0f} requests/s at the peak, of {best} connections")
    done = [one_round(partial(peak, best), port, request, spans) for _ in range(ROUNDS)]
    print("    load" + "".join(f"{each:>12}" for each in COLUMNS))
    table = np.median([table for table, _ in done], axis=0)
    for each, row in zip(chain(*LOADS), table, strict=True):
        print(f"  {each:5g}×" + "".join(f"{figure:12,.2f}" for figure in row))
    seconds = ", ".join(f"{recovered:g}" for _, recovered in done)
    print(f"  recovered {seconds} s after the overload", flush=True)


def requests(names: Sequence[str]) -> Mapping[str, tuple[Request, Sequence[int]]]:
    """What is asked, and with how many connections it has its peak."""
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

    given = sys.argv[1] if len(sys.argv) > 1 else ROOT / "artifacts" / "wisconsin.joblib"
    path = Path(given).absolute()
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
