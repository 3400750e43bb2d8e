"""Scaling of training and `predict`: rows per second and peak memory for tables of growing length.

Each table is generated in a temporary folder. `python -m model` trains on it for one epoch and
scores it, each in a separate process. A time includes the start of the program and the reading of
the table; the memory is the peak of the process.
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

from model.arrays import Array
from model.training.recipes.recipe import load_recipe

CHUNK_ROWS = 100_000
RECIPE = """
extends = "article"
name = "scale"
data = {{ file = "{table}", missing = "median" }}
split = {{ validation = 0.1 }}
scaling = {{ fit_on = "train" }}
training = {{ optimizer = "adam", epochs = 1, batch_size = 512 }}
"""


def chunks(names: tuple[str, ...], rows: int) -> Iterator[dict[str, Array]]:
    """Yield random scores from 1 to 10, and a class that depends on them in 90 % of the rows.

    Args:
        names: The names of the features.
        rows: The number of rows.
    """
    generator = np.random.default_rng(0)
    for start in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - start)
        scores = {name: generator.integers(1, 11, count) for name in names}
        malignant = sum(scores.values()) > 55  # of nine
        malignant ^= generator.random(count) < 0.1
        yield {**scores, "class": np.where(malignant, "malignant", "benign")}


def write_table(path: Path, names: tuple[str, ...], rows: int) -> None:
    """Write a table, as CSV or Parquet by the path's suffix.

    Args:
        path: The file.
        names: The names of the features.
        rows: The number of rows.
    """
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        columns = {**dict.fromkeys(names, pyarrow.int64()), "class": pyarrow.string()}
        schema = pyarrow.schema(columns)
        with parquet.ParquetWriter(path, schema) as writer:  # one row group per chunk
            for chunk in chunks(names, rows):
                writer.write_table(pyarrow.table(chunk, schema))
        return
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join([*names, "class"]) + "\n")
        for chunk in chunks(names, rows):
            columns_of_text = (column.astype(str).tolist() for column in chunk.values())
            file.writelines(",".join(cells) + "\n" for cells in zip(*columns_of_text, strict=True))


def run(*arguments: str | Path) -> tuple[float, float]:
    """Run `python -m model`; return its seconds and its peak memory in MB."""
    command = [sys.executable, "-m", "model", *map(str, arguments)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{arguments[0]} failed")
    assert isinstance(usage, resource.struct_rusage)
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    """Print two lines per length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[200_000, 2_000_000, 20_000_000],
        help="numbers of rows [default: %(default)s]",
    )
    parser.add_argument(
        "--format",
        choices=["csv", "parquet"],
        default="parquet",
        help="format of the tables [default: %(default)s]",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes of predict [default: %(default)s]"
    )
    chosen = parser.parse_args()
    names = load_recipe("article").schema.names
    print(f"{chosen.format}, {len(names)} features")
    with tempfile.TemporaryDirectory() as folder:
        table, recipe = Path(folder, f"rows.{chosen.format}"), Path(folder, "scale.toml")
        model, scored = Path(folder, "scale.joblib"), table.with_stem("scored")
        recipe.write_text(RECIPE.format(table=table.name))
        for rows in chosen.rows:
            write_table(table, names, rows)
            for command, arguments in (
                ("train", ("train", recipe, "--output", model)),
                ("predict", ("predict", model, table, "--output", scored, "--jobs", chosen.jobs)),
            ):
                seconds, memory = run(*arguments)
                rate = f"{rows / seconds:10,.0f} rows/s"
                print(f"{command:8}{rows:11,} rows {seconds:8.1f} s {rate} {memory:6.0f} MB")


if __name__ == "__main__":
    main()
