"""Latency of small requests while a large body is being answered.

A small request is due every 5 ms, and its latency counts from when it was due, so that a stall
affects all requests that were due during it. Each client has a thread, on the load's core.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from benchmarks.harness import table
from benchmarks.harness.closed_loop import Connection, Request
from benchmarks.harness.processes import Running, Server
from benchmarks.serving.servers import OURS, Models, body_of, named, rows_of

ROWS = 100_000
EVERY_SECONDS = 0.005


@contextmanager
def in_flight(port: int, request: Request, answers: list[int]) -> Iterator[None]:
    """Send a request repeatedly; append the statuses of the responses."""
    ended = threading.Event()

    def run() -> None:
        with Connection(port) as connection:
            while not ended.is_set():
                answers.append(connection.send(request)[0])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def latencies_of(port: int, request: Request, seconds: float) -> list[float]:
    """Return the latencies in ms; NaN for a response other than 200."""
    latencies = []
    with Connection(port) as connection:
        connection.send(request)
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            time.sleep(max(0, due - time.perf_counter()))
            status, _ = connection.send(request)
            latencies.append((time.perf_counter() - due) * 1e3 if status == 200 else np.nan)
            due += EVERY_SECONDS
    return latencies


def show(
    models: Models, servers: Mapping[Server, Running], seconds: float
) -> dict[str, list[float]]:
    """Print a table.

    Args:
        models: The artifacts.
        servers: The started servers.
        seconds: The duration of each measurement.

    Returns:
        All latencies in ms, by title.
    """
    running = {server.name: each for server, each in servers.items()}
    one = body_of(named(models.names, rows_of(1))[0])
    many = rows_of(ROWS)
    arrays = Request("/predict", body_of({"instances": many.tolist()}))
    objects = Request("/batch", body_of({"instances": named(models.names, many)}))
    live = Request("/health/live", method="GET")
    requests = {
        OURS: (arrays, {"GET /health/live": live, "POST one": Request("/predict", one)}),
        "FastAPI": (objects, {"GET /health/live": live, "POST one": Request("/async", one)}),
    }
    saved: dict[str, list[float]] = {}
    for name, (large, small) in requests.items():
        if name not in running:
            continue
        server, answers = running[name], list[int]()
        with server.awake():
            for label, request in small.items():
                saved[f"{name}, {label}, alone"] = latencies_of(server.port, request, seconds)
                with in_flight(server.port, large, answers):
                    beside = latencies_of(server.port, request, seconds)
                saved[f"{name}, {label}, beside"] = beside
        if set(answers) != {200}:
            print(f"  (invalid: {name} answered the large body {sorted(set(answers))})")
    table.show(
        f"A small request every {EVERY_SECONDS * 1e3:g} ms, alone and beside {ROWS:,} rows",
        ("p50 ms", "p99 ms", "worst ms"),
        [(title, np.percentile(each, [50, 99, 100]).tolist()) for title, each in saved.items()],
    )
    return saved
