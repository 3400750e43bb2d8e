"""Batches beside tables that do not end.

    python -m benchmarks.serving.endless_tables [ARTIFACT] [--quick] [--root OTHER_CHECKOUT]

The tables are five CSV streams whose rows are all invalid, or all valid. Batches are sent on new
connections, each kind every 0.4 s; probes are GET /health/live and /health/ready on new
connections, each every 100 ms. A latency counts from when the request was due.
"""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context

from benchmarks.harness import command_line, table
from benchmarks.harness.closed_loop import Request
from benchmarks.harness.processes import Running
from benchmarks.harness.steady import PROBES, Answers, Steady, steady

STREAMS = 5
ROW = b"5,1,1,1,2,1,3,1,1"
CSV = {"Content-Type": "text/csv"}


def _stream(port: int, header: bytes, rows: bytes) -> None:
    """Send a table until it is refused."""
    head = b"POST /predict?on_error=mark HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for part in _forever(header, rows):
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))


def _forever(header: bytes, rows: bytes) -> Iterator[bytes]:
    yield header
    while True:
        yield rows


def _streams(port: int, header: bytes, rows: bytes) -> None:
    """Send STREAMS tables; start a table again after 1 s when it is refused."""

    def again() -> None:
        while True:
            _stream(port, header, rows)
            time.sleep(1)

    threads = [threading.Thread(target=again) for _ in range(STREAMS)]
    for thread in threads:
        thread.start()


@contextmanager
def streaming(port: int, header: bytes, rows: bytes) -> Iterator[None]:
    """Send endless tables from another process during the context.

    Args:
        port: The server's port.
        header: The first line of each table.
        rows: The lines that follow, repeated.
    """
    process = get_context("spawn").Process(target=_streams, args=(port, header, rows), daemon=True)
    process.start()
    try:
        time.sleep(3)  # all threads for large bodies are taken
        yield
    finally:
        process.kill()
        process.join()


def batches(running: Running, names: Sequence[str], seconds: float) -> None:
    """Print a table of batches beside endless tables.

    Args:
        running: The server.
        names: The names of the features.
        seconds: The duration of each measurement.
    """
    port, header = running.port, ",".join(names).encode() + b"\n"
    kinds = {
        f"{form}, {count} rows": Steady(request, 0.4)
        for count in (1, 200, 2000)
        for form, request in (
            (
                "JSON",
                Request("/predict", b'{"instances":[%b]}' % b",".join([b"[%b]" % ROW] * count)),
            ),
            ("CSV", Request("/predict", header + (ROW + b"\n") * count, CSV)),
        )
    }

    def answers() -> dict[str, Answers]:
        with steady(port, PROBES | kinds) as answers:
            time.sleep(seconds)
        return answers

    alone = answers()
    beside = {}
    for name, rows in (("invalid", b"," * (len(names) - 1) + b"\n"), ("valid", ROW + b"\n")):
        with streaming(port, header, rows * (65536 // len(rows))):
            beside[name] = answers()
    lines = []
    for name, each in alone.items():
        row = [each.quantile(0.5), each.quantile(0.99)]
        for them in beside.values():
            p99 = them[name].quantile(0.99)
            row += [100 * them[name].share, them[name].quantile(0.5), p99, p99 / row[1]]
        lines.append((name, row))
    columns = ("p50 ms", "p99 ms", *("answered %", "p50 ms", "p99 ms", "÷ alone") * len(beside))
    title = "Batches alone, beside five endless tables of invalid rows, and of valid rows"
    table.show(title, columns, lines)


def main() -> None:
    """Print the table."""
    from model.artifacts import artifact

    chosen = command_line.parser(__doc__).parse_args()
    names = artifact.load(chosen.artifact).schema.names
    with command_line.serving(chosen) as running:
        batches(running, names, 5.0 if chosen.quick else 15.0)


if __name__ == "__main__":
    main()
