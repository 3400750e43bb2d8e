"""Predictions beside a flood of GET requests.

    python -m benchmarks.serving.get_floods [ARTIFACT] [--quick] [--root OTHER_CHECKOUT]

The flood is 128 kept connections of GET requests of one path, beside 8 kept connections with single
rows; both are closed loops. Probes are GET /health/live and /health/ready on new connections, each
every 100 ms.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.harness import command_line, table
from benchmarks.harness.closed_loop import Request, load
from benchmarks.harness.processes import Running
from benchmarks.harness.steady import PROBES, Answers, steady

FLOOD_CONNECTIONS, CONNECTIONS = 128, 8
PATHS = (
    *("/metrics", "/health/ready", "/health/live", "/openapi.json", "/nothing"),
    "/docs/swagger-ui-bundle.js",
)
ONE_ROW = Request("/predict", b'{"instances":[[5,1,1,1,2,1,3,1,1]]}')


def probe_figures(probes: dict[str, Answers]) -> list[float]:
    """Return the figures of probes: p50, p99, maximum and the share of 200s in per cent.

    Args:
        probes: The responses by path.
    """
    live, ready = probes.values()
    return [
        *(live.quantile(0.5), live.quantile(0.99), ready.quantile(0.99)),
        *(max(live.quantile(1), ready.quantile(1)), 100 * min(live.share, ready.share)),
    ]


def floods(running: Running, seconds: int) -> None:
    """Print a table of predictions beside floods.

    Args:
        running: The server.
        seconds: The duration of each measurement.
    """
    port = running.port

    def predictions() -> tuple[list[float], dict[str, Answers]]:
        with steady(port, PROBES) as probes:
            loaded = load(port, ONE_ROW, seconds, CONNECTIONS)
        failed = 100 * loaded.failures / max(1, loaded.requests)
        return [loaded.succeeded_per_second, np.nan, loaded.p99, failed], probes

    rows = []
    with ThreadPoolExecutor() as pool:
        alone, probes = predictions()
        rows.append(("alone", [*alone, np.nan, *probe_figures(probes)]))
        for path in PATHS:
            request = Request(path, method="GET", headers={})
            flood = pool.submit(load, port, request, seconds + 2, FLOOD_CONNECTIONS)
            time.sleep(0.7)  # the flood has begun, and outlasts the predictions
            beside, probes = predictions()
            beside[1] = beside[0] / alone[0]
            per_second = flood.result().per_second
            rows.append((f"128 × GET {path}", [*beside, per_second, *probe_figures(probes)]))
    columns = (
        *("200/s", "of alone", "p99 ms", "not 200 %", "GETs/s"),
        *("live p50", "live p99", "ready p99", "probe max", "probes %"),
    )
    table.show("8 connections with single rows, beside a flood of GET requests", columns, rows)


def main() -> None:
    """Print the table."""
    chosen = command_line.parser(__doc__).parse_args()
    with command_line.serving(chosen) as running:
        floods(running, 2 if chosen.quick else 5)


if __name__ == "__main__":
    main()
