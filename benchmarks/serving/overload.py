"""The service under overload: twice and ten times its capacity, and its recovery afterwards.

    python -m benchmarks.serving.overload [ARTIFACT]                     # about ten minutes
    python -m benchmarks.serving.overload [ARTIFACT] --quick --clients closing   # also kept, large
    python -m benchmarks.serving.overload [ARTIFACT] --root OTHER_CHECKOUT

Requests arrive by a schedule (Poisson), independent of earlier responses: from kept clients each on
a free one of 400 connections, from closing clients each on a new connection. The peak is the rate
of a closed loop of the same clients, measured before and after a phase. Goodput is the number of
200 responses per second; latencies count from the sending of a request, of closing clients from the
start of the connection. An arrival that the load generator cannot send is left out: "offered" is
the load that was reached, as a multiple of the peak. "Failed" are requests without a response, such
as those on connections that the kernel refuses or resets. Probes are GET /health/live and
/health/ready on new connections, each every 100 ms, from a separate process. All results but those
of probes leave out the beginning of a phase, in which queues fill. Each result is the median of all
rounds. The server and the load have one core each.
"""

import http.client
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import numpy as np  # noqa: E402
import uvloop  # noqa: E402

from benchmarks.harness import command_line, table  # noqa: E402
from benchmarks.harness.closed_loop import Request, load, status_of  # noqa: E402
from benchmarks.harness.new_connections import NewConnections  # noqa: E402
from benchmarks.harness.open_loop import Arrivals  # noqa: E402
from benchmarks.harness.phase import Phase  # noqa: E402
from benchmarks.harness.processes import Running  # noqa: E402
from benchmarks.harness.steady import PROBES, Answers, steady  # noqa: E402

LARGE_ROWS = 20_000
WINDOW_SECONDS = 0.25
SETTLED_SECONDS = 0.02
PEAK_SECONDS = 2
REJECTED = 503
LOADS = ((0.8,), (2.0,), (10.0, 0.8))  # multiples of the peak, which is measured before each
CLOSING = {"Content-Type": "application/json", "Connection": "close"}
CLOSING_CONNECTIONS = (16, 32, 100)


@dataclass(frozen=True)
class Kind:
    """A kind of requests.

    Attributes:
        request: The request; closing clients have `Connection: close` in it.
        connections: The numbers of connections among which the peak is searched.
        seconds: The duration of a phase.
        beginning: The length of its first part, which is left out.
    """

    request: Request
    connections: Sequence[int] = (8, 16, 32)
    seconds: float = 5.0
    beginning: float = 0.5

    @property
    def is_closing(self) -> bool:
        """Whether each request has a new connection."""
        return self.request.headers.get("Connection") == "close"


@dataclass
class Loaded:
    """A phase with its probes.

    Attributes:
        phase: The phase.
        probes: The responses to the probes, by path.
    """

    phase: Phase
    probes: Mapping[str, Answers]


class Measurement:
    """One kind of requests to a server.

    Args:
        running: The server.
        kind: The kind of requests.
        is_quick: Whether phases are short and the peak is not searched.

    Attributes:
        peak: The peak rate per second.
        cpu_microseconds: The server's CPU time per request of each closed loop.
    """

    def __init__(self, running: Running, kind: Kind, is_quick: bool) -> None:
        self._running, self._kind = running, kind
        self._seconds = kind.beginning + 2 if is_quick else kind.seconds
        self.cpu_microseconds = list[float]()
        tried = kind.connections[-1:] if is_quick else kind.connections
        settle(running.port)
        peaks = {each: self._closed_loop(each) for each in tried}
        self._connections = max(peaks, key=peaks.__getitem__)
        self.peak = peaks[self._connections]

    def round(self) -> tuple[list[list[float]], float]:
        """Run all of LOADS once.

        Returns:
            The COLUMNS of each load, and the seconds to recover from the last overload.
        """
        rows, good, recovered, before = list[list[float]](), np.nan, np.nan, self.peak
        for loads in LOADS:
            done = [self._phase(load * before) for load in loads]
            settle(self._running.port)
            after = self._closed_loop(self._connections)
            for each in done:
                p99 = each.phase.quantile(200, 0.99)
                good = p99 if np.isnan(good) else good
                rows.append(figures(each, (before + after) / 2, good))
            recovered, before = recovery(done[-1].phase, 2 * good), after
        return rows, recovered

    def _closed_loop(self, connections: int) -> float:
        before = self._running.cpu_seconds()
        loaded = load(self._running.port, self._kind.request, PEAK_SECONDS, connections)
        spent = self._running.cpu_seconds() - before
        self.cpu_microseconds.append(spent / max(1, loaded.requests) * 1e6)
        return loaded.succeeded_per_second

    def _phase(self, rate: float) -> Loaded:
        with steady(self._running.port, PROBES) as probes:
            if self._kind.is_closing:
                clients = NewConnections(self._running.port, self._kind.request)
                phase = clients.arrive(rate, self._seconds, self._kind.beginning)
            else:
                phase = uvloop.run(self._kept(rate))
        return Loaded(phase, probes)

    async def _kept(self, rate: float) -> Phase:
        arrivals = Arrivals(self._running.port, self._kind.request)
        phase = await arrivals.run(rate, self._seconds, self._kind.beginning)
        arrivals.close()
        return phase


def settle(port: int) -> None:
    """Wait until a health check takes less than SETTLED_SECONDS, but not longer than 10 s.

    Args:
        port: The server's port.
    """
    live = PROBES["/health/live"].request
    until = time.perf_counter() + 10
    while (start := time.perf_counter()) < until:
        with suppress(OSError, http.client.HTTPException):
            status_of(port, live)
            if time.perf_counter() - start < SETTLED_SECONDS:
                return


def recovery(phase: Phase, good_ms: float) -> float:
    """Return the seconds until the last window with rejected, late or missing responses.

    Args:
        phase: The phase after an overload.
        good_ms: The largest median latency that is not late, in ms.
    """
    sent, statuses = np.array(phase.sent), np.array(phase.statuses)
    latencies = np.array(phase.latencies) * 1e3
    windows, offered = (
        (np.array(each) / WINDOW_SECONDS).astype(int) for each in (sent, phase.offered)
    )
    recovered = 0
    for number in range(int(phase.seconds / WINDOW_SECONDS)):
        here = windows == number
        are_all_good = here.sum() == (offered == number).sum() and (statuses[here] == 200).all()
        if not are_all_good or (here.any() and np.median(latencies[here]) > good_ms):
            recovered = number + 1
    return recovered * WINDOW_SECONDS


COLUMNS = (
    *("offered", "goodput", "of peak", "p50 ms", "p99 ms", "÷ 0.8×"),
    *("503 %", "p99 ms", "failed %", "live p99", "ready p99", "probe max", "probes %"),
)


def figures(loaded: Loaded, peak: float, good_ms: float) -> list[float]:
    """Return the COLUMNS of a phase.

    Args:
        loaded: The phase.
        peak: The peak rate per second.
        good_ms: The 99th percentile of the latency in the first phase, in ms.
    """
    phase, probes = loaded.phase, loaded.probes
    offered, goodput = phase.offered_per_second() or np.nan, phase.per_second(200)
    others = set(phase.statuses) - {200, REJECTED}
    if others:
        print(f"  (also responses with status {sorted(others)})")
    p99 = phase.quantile(200, 0.99)
    return [
        *(offered / peak, goodput, goodput / peak, phase.quantile(200, 0.5), p99, p99 / good_ms),
        100 * phase.per_second(REJECTED) / offered,
        phase.quantile(REJECTED, 0.99),
        100 * phase.failed(),
        *(probes[path].quantile(0.99) for path in PROBES),
        max(each.quantile(1) for each in probes.values()),
        100 * min(each.share for each in probes.values()),
    ]


def measure(running: Running, name: str, kind: Kind, is_quick: bool) -> None:
    """Measure one kind of requests and print a table.

    Args:
        running: The server.
        name: The name of the kind.
        kind: The kind of requests.
        is_quick: Whether there is one short round.
    """
    measurement = Measurement(running, kind, is_quick)
    done = [measurement.round() for _ in range(1 if is_quick else 3)]
    rows = np.median([rows for rows, _ in done], axis=0)
    cpu = np.median(measurement.cpu_microseconds)
    table.show(
        f"{name}: {measurement.peak:,.0f} requests/s at the peak, {cpu:,.0f} µs of CPU a request",
        COLUMNS,
        [(f"{each:g}×", row) for each, row in zip(chain(*LOADS), rows, strict=True)],
    )
    seconds = ", ".join(f"{recovered:g}" for _, recovered in done)
    print(f"  recovered {seconds} s after the overload", flush=True)


def kinds(names: Sequence[str]) -> dict[str, dict[str, Kind]]:
    """Return the kinds of requests by name: of kept and of closing clients, and large ones of kept.

    Args:
        names: The names of the features.
    """
    row = b"5,1,1,1,2,1,3,1,1"

    def json(rows: int) -> bytes:
        return b'{"instances":[%b]}' % b",".join([b"[%b]" % row] * rows)

    table = ",".join(names).encode() + b"\n" + (row + b"\n") * LARGE_ROWS
    csv = Request("/predict", table, {"Content-Type": "text/csv"})
    return {
        "kept": {
            "one row": Kind(Request("/predict", json(1))),
            "200 rows": Kind(Request("/predict", json(200))),
        },
        "large": {
            "20 000 rows, JSON": Kind(Request("/predict", json(LARGE_ROWS)), (4,), 9.0, 4.0),
            "20 000 rows, CSV": Kind(csv, (4,), 9.0, 4.0),
        },
        "closing": {
            "one row": Kind(Request("/predict", json(1), CLOSING), CLOSING_CONNECTIONS),
            "1 600 rows": Kind(Request("/predict", json(1600), CLOSING), CLOSING_CONNECTIONS),
        },
    }


def main() -> None:
    """Print a table for each kind of requests."""
    from model.artifacts import artifact

    parser = command_line.parser(__doc__)
    parser.add_argument(
        "--clients", choices=["kept", "closing", "large"], help="measure only these"
    )
    chosen = parser.parse_args()
    names = artifact.load(chosen.artifact).schema.names
    with command_line.serving(chosen) as running:
        for clients, by_name in kinds(names).items():
            for name, kind in by_name.items():
                if chosen.clients in (None, clients):
                    measure(running, f"{clients}, {name}", kind, chosen.quick)


if __name__ == "__main__":
    main()
