"""Clients that open a connection for each request, one after another: 8, 100 and 400 of them.

    python -m benchmarks.serving.closing_clients [ARTIFACT] [--quick] [--root OTHER_CHECKOUT]

A closed loop: a client opens its next connection when the last response is complete, or rejected.
More clients than the service can work for are an overload, which must delay neither accepted
requests nor probes without bound. Probes are GET /health/live and /health/ready on new connections,
each every 100 ms.
"""

from benchmarks.harness import command_line, table
from benchmarks.harness.closed_loop import Request
from benchmarks.harness.new_connections import NewConnections
from benchmarks.harness.processes import Running
from benchmarks.harness.steady import PROBES, steady

CLIENTS = (8, 100, 400)
BEGINNING_SECONDS = 1.0
COLUMNS = (
    *("200/s", "of first", "p50 ms", "p99 ms", "503/s", "p99 ms", "failed"),
    *("live p50", "live p99", "ready p99", "probe max", "probes %"),
)


def figures(running: Running, request: Request, clients: int, seconds: float) -> list[float]:
    """Measure; return the COLUMNS, the rate also in place of its ratio.

    Args:
        running: The server.
        request: The request.
        clients: The number of clients.
        seconds: The duration.
    """
    with steady(running.port, PROBES) as probes:
        load = NewConnections(running.port, request)
        phase = load.repeat(clients, seconds, BEGINNING_SECONDS)
    live, ready = probes.values()
    return [
        *(phase.per_second(200), phase.per_second(200)),
        *(phase.quantile(200, 0.5), phase.quantile(200, 0.99)),
        *(phase.per_second(503), phase.quantile(503, 0.99), phase.lost),
        *(live.quantile(0.5), live.quantile(0.99), ready.quantile(0.99)),
        max(each.quantile(1) for each in probes.values()),
        100 * min(each.share for each in probes.values()),
    ]


def main() -> None:
    """Print a table for each kind of requests."""
    chosen = command_line.parser(__doc__).parse_args()
    seconds = 4.0 if chosen.quick else 12.0
    with command_line.serving(chosen) as running:
        for name, rows in (("one row", 1), ("1 600 rows, 31 KB", 1600)):
            row = b"[5,1,1,1,2,1,3,1,1]"
            request = Request("/predict", b'{"instances":[%b]}' % b",".join([row] * rows))
            measured = [figures(running, request, clients, seconds) for clients in CLIENTS]
            first = measured[0][0]
            for each in measured:
                each[1] /= first
            lines = zip(CLIENTS, measured, strict=True)
            table.show(name, COLUMNS, [(f"{clients} clients", each) for clients, each in lines])


if __name__ == "__main__":
    main()
