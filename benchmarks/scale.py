"""How `predict` scales: rows a second and peak memory over tables of growing length.

Each table is made up in a temporary folder and scored by `python -m model predict` in a process of
its own. Its time includes the program's start; its memory is the most the process ever had.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model import artifact
from model.arrays import Array
from model.pipeline import train
from model.training.recipe import load_recipe

PIECE = 100_000


def pieces(names: tuple[str, ...], rows: int) -> Iterator[dict[str, Array]]:
    """Columns of random scores from 1 to 10."""
    generator = np.random.default_rng(0)
    for start in range(0, rows, PIECE):
        count = min(PIECE, rows - start)
        yield {name: generator.integers(1, 11, count) for name in names}


def write_table(path: Path, names: tuple[str, ...], rows: int) -> None:
    """Random scores from 1 to 10, as CSV or Parquet by the path's suffix."""
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        schema = pyarrow.schema(dict.fromkeys(names, pyarrow.int64()))
        with parquet.ParquetWriter(path, schema) as writer:  # a row group a piece
            for piece in pieces(names, rows):
                writer.write_table(pyarrow.table(piece))
        return
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        for piece in pieces(names, rows):
            np.savetxt(file, np.column_stack(list(piece.values())), fmt="%d", delimiter=",")


def score(model: Path, table: Path, jobs: int) -> tuple[float, float]:
    """Seconds, and the process's peak memory in MB."""
    command = [sys.executable, "-m", "model", "predict", str(model), str(table)]
    command += ["--output", str(table.with_stem("scored")), "--jobs", str(jobs)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("predict failed")
    assert isinstance(usage, resource.struct_rusage)
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    """Print a line a length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 200_000, 2_000_000])
    parser.add_argument("--format", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, table = Path(folder, "article.joblib"), Path(folder, f"rows.{chosen.format}")
        predictor = train(load_recipe("article")).predictor
        artifact.save(predictor, model)
        features = f"{len(predictor.schema.names)} features"
        print(f"predict, {chosen.format}, {features}, {chosen.jobs} process(es)")
        for rows in chosen.rows:
            write_table(table, predictor.schema.names, rows)
            seconds, memory = score(model, table, chosen.jobs)
            rate = f"{rows / seconds:10,.0f} a second"
            print(f"{rows:11,} rows {seconds:8.1f} s {rate} {memory:6.0f} MB")


if __name__ == "__main__":
    main()
