"""Latency of POST /explain, and of other clients' single rows beside it.

    python -m benchmarks.serving.explain                       # 40 seconds
    python -m benchmarks.serving.explain FILE                  # another model

Rows are random values of the model's features. "Beside" are single rows of another connection, due
every 5 ms, while one client explains rows in a closed loop.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.harness import command_line, table  # noqa: E402
from benchmarks.harness.closed_loop import Connection, Request  # noqa: E402
from benchmarks.harness.processes import CORES, Running  # noqa: E402
from benchmarks.serving.interference import in_flight, latencies_of  # noqa: E402
from benchmarks.serving.servers import OURS, body_of, ours  # noqa: E402
from model.artifacts import artifact  # noqa: E402
from model.explanation.grids import grids_of  # noqa: E402
from model.prediction.predictor import Predictor  # noqa: E402

ROWS = 200
SECONDS = 8
WAYS = {
    "Shapley values, 1 reference row": "include=shapley&reference=typical",
    "Shapley values, 100 reference rows": "include=shapley",
    "counterfactuals": "include=counterfactuals",
    "certainty and neighbours": "include=certainty,neighbours",
    "curves": "include=curves",
    "the default kinds": "",
}


def bodies_of(predictor: Predictor, count: int) -> list[bytes]:
    """Return bodies of one random row each."""
    generator, features = np.random.default_rng(0), predictor.schema.features
    grids = grids_of(predictor)
    rows = [
        {
            f.name: f.spelled(float(generator.choice(g)))
            for f, g in zip(features, grids, strict=True)
        }
        for _ in range(count)
    ]
    return [body_of(row) for row in rows]


def main() -> None:
    """Print the tables."""
    chosen = command_line.parser(__doc__).parse_args()
    predictor = artifact.load(chosen.artifact)
    bodies = bodies_of(predictor, 20 if chosen.quick else ROWS)
    server = ours(OURS, chosen.artifact.absolute())
    with tempfile.TemporaryDirectory() as folder:
        running = Running(server, Path(folder), chosen.root.absolute(), CORES)
        try:
            alone = []
            for name, query in WAYS.items():
                latencies = []
                with Connection(running.port) as connection:
                    for body in bodies:
                        start = time.perf_counter()
                        status, _ = connection.send(Request(f"/explain?{query}", body))
                        latencies.append((time.perf_counter() - start) * 1e3)
                        if status != 200:
                            raise SystemExit(f"{name}: status {status}")
                alone.append((name, np.percentile(latencies, [50, 95, 100]).tolist()))
            table.show("One row, ms", ("p50", "p95", "worst"), alone)
            one = Request("/predict", bodies[0])
            quiet = latencies_of(running.port, one, SECONDS)
            answers: list[int] = []
            with in_flight(running.port, Request("/explain", bodies[0]), answers):
                beside = latencies_of(running.port, one, SECONDS)
            rows = [
                (title, np.percentile(each, [50, 99, 100]).tolist())
                for title, each in (("alone", quiet), ("beside explanations", beside))
            ]
            table.show("POST /predict, one row, ms", ("p50", "p99", "worst"), rows)
            print(f"\n{len(answers) / SECONDS:.0f} explanations per second, {set(answers)}")
            print(f"{running.megabytes():.0f} MB")
        finally:
            running.stop()


if __name__ == "__main__":
    main()
