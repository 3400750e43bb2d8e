"""Large bodies of two clients: one scoring thread and two, on two cores.

    python -m benchmarks.serving.scoring_threads                  # 2 minutes
    python -m benchmarks.serving.scoring_threads --quick          # half a minute
    python -m benchmarks.serving.scoring_threads --root CHECKOUT  # the service of another checkout

Two connections send 10 000 rows per request, in a closed loop, to a service with
MALIGNANCY_SCORING_THREADS of 1 and of 2, in turns. Server and load share all cores. "Cores" is the
CPU time of the server per second: more than 1 means that threads work at the same time.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import contextlib  # noqa: E402
import statistics  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.harness import command_line, table  # noqa: E402
from benchmarks.harness.closed_loop import load  # noqa: E402
from benchmarks.harness.processes import CORES, Running  # noqa: E402
from benchmarks.serving.large_bodies import ROWS, Way, ways_of_ours  # noqa: E402
from benchmarks.serving.servers import OURS, ours, rows_of  # noqa: E402
from model.artifacts import artifact  # noqa: E402

CLIENTS = 2
SECONDS = 2


def turn(running: Running, way: Way) -> tuple[float, float]:
    """Return the rows per second of one turn, and the cores that the server used.

    Args:
        running: The server.
        way: The encoding.
    """
    with running.awake():
        load(running.port, way.request, 1, CLIENTS)
        cpu, start = running.cpu_seconds(), time.perf_counter()
        figures = load(running.port, way.request, SECONDS, CLIENTS)
        cores = (running.cpu_seconds() - cpu) / (time.perf_counter() - start)
    return figures.succeeded_per_second * ROWS, cores


def main() -> None:
    """Print the table."""
    chosen = command_line.parser(__doc__).parse_args()
    predictor = artifact.load(chosen.artifact)
    path = f"/v2/models/{predictor.name}/infer"
    ways = list(ways_of_ours(OURS, predictor.schema.names, path, rows_of(ROWS)))
    rows = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        threads = {}
        for number in (1, 2):
            flags = ("--scoring-threads", str(number))
            server = ours(f"{number} threads", chosen.artifact.absolute(), *flags)
            running = Running(server, Path(folder), chosen.root.absolute(), CORES)
            stack.callback(running.stop)
            running.suspend()
            threads[number] = running
        for way in ways:
            turns = [
                (turn(threads[1], way), turn(threads[2], way))
                for _ in range(1 if chosen.quick else 5)
            ]
            medians = [
                statistics.median(each) for each in zip(*(a + b for a, b in turns), strict=True)
            ]
            ratio = statistics.median(two[0] / one[0] for one, two in turns)
            rows.append((way.name, [*medians, ratio]))
    columns = ("1: rows/s", "cores", "2: rows/s", "cores", "2 ÷ 1")
    table.show(f"{ROWS:,} rows per request, two clients, scoring threads", columns, rows)


if __name__ == "__main__":
    main()
