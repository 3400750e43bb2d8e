"""Costs of the store: putting a row, writing it, and the memory of a process.

    python -m benchmarks.serving.store                             # SQLite in a temporary folder
    python -m benchmarks.serving.store --store postgresql://…      # and that database

Rows are random values of the model's features: short answers of one row, as the event loop records
them, then blocks of 4 096 rows. CPU time is that of the writer's thread. Use an empty database,
since its tables keep the rows.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from pydantic import SecretStr  # noqa: E402

from benchmarks.harness import command_line, table  # noqa: E402
from model.artifacts import artifact  # noqa: E402
from model.explanation.grids import grids_of  # noqa: E402
from model.prediction.predictor import Predictor  # noqa: E402
from service.request_context import RequestContext  # noqa: E402
from service.settings import Settings  # noqa: E402
from service.store.answer_cells import BATCH_ROWS  # noqa: E402
from service.store.batches import Keeps  # noqa: E402
from service.store.identifiers import uuid7  # noqa: E402
from service.store.records import PredictedRows  # noqa: E402
from service.store.store import Store, now_microseconds, stored_version  # noqa: E402

LEVELS: tuple[Keeps, ...] = ("counts", "predictions", "inputs")


def megabytes() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def thread_seconds(store: Store) -> float:
    """Return the CPU time of the writer's thread."""
    number = store._writer._thread.native_id
    stat = Path(f"/proc/self/task/{number}/schedstat").read_text(encoding="ascii")
    return int(stat.split()[0]) / 1e9


def measure(predictor: Predictor, url: str, keeps: Keeps, rows: int) -> list[float]:
    """Return µs to record a row, µs of the writer by single rows and by blocks, and MB."""
    generator = np.random.default_rng(0)
    grids = grids_of(predictor)
    values = np.column_stack([generator.choice(grid, rows) for grid in grids]).astype(float)
    parsed = [[tuple(row)] for row in values.astype(int).tolist()]
    predictions = predictor.predict(values)
    singles = [*zip(parsed, np.split(predictions, rows), strict=True)]
    before = megabytes()
    store = Store(Settings(store=SecretStr(url), store_keeps=keeps))
    recorder, request = store.recorder(predictor), RequestContext("-")
    store.start()
    times = []
    for start in range(0, rows, BATCH_ROWS // 2):
        part = singles[start : start + BATCH_ROWS // 2]
        begin = time.perf_counter()
        for row, prediction in part:
            now = time.time_ns()
            name = None if recorder.new_name is None else recorder.new_name(now)
            recorder.record_encoded(row, prediction, predictor.threshold, request, name, now)
        times.append((time.perf_counter() - begin) / len(part))
        store.flush(30)
    store.flush(60)
    used = thread_seconds(store)
    version = stored_version(predictor)
    for start in range(0, rows, BATCH_ROWS):
        block = slice(start, start + BATCH_ROWS)
        store.put_block(
            PredictedRows(
                uuid7(),
                now_microseconds(),
                version,
                predictor.threshold,
                values[block],
                predictions[block],
            )
        )
        store.flush(60)
    blocks = thread_seconds(store) - used
    if store.stop(60) or store.status.last_error:
        raise SystemExit(store.status.last_error)
    return [1e6 * min(times), 1e6 * used / rows, 1e6 * blocks / rows, megabytes() - before]


def main() -> None:
    """Print the table."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--store", help="URL of another database")
    chosen: argparse.Namespace = parser.parse_args()
    predictor = artifact.load(chosen.artifact)
    if predictor.row_tables is None or any(f.type != "integer" for f in predictor.schema.features):
        parser.error("the features of the model must be integers in tables")
    rows = 4096 if chosen.quick else 40_960
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for keeps in LEVELS:
            url = f"sqlite:///{folder}/{keeps}.db"
            found.append((f"SQLite, {keeps}", measure(predictor, url, keeps, rows)))
        if chosen.store:
            found += [
                (f"PostgreSQL, {keeps}", measure(predictor, chosen.store, keeps, rows))
                for keeps in LEVELS
            ]
    columns = ("record, µs", "writer, µs/row", "in blocks, µs/row", "memory, MB")
    table.show("Costs of a stored row", columns, found)


if __name__ == "__main__":
    main()
