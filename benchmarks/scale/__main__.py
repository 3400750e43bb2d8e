"""Score datasets of several sizes on each engine, with one and two workers.

    python -m benchmarks.scale                      # two hours on two cores
    python -m benchmarks.scale --rows 2000000 --engines local dask --rounds 3
    python -m benchmarks.scale --quick              # 200 000 rows, one round; five minutes

Each job is a process, in rounds of all jobs. Its workers have started and loaded the model when the
measured time begins; the time of the start is a column. One local worker is the process itself.
Efficiency is the rows/s with two workers, of twice those with one, in the same round. CPU time is
that of all processes of a job: workers, client, scheduler and Ray's own. The object store is moto's
server (`make oracles` installs it), on the same cores as the workers, so the goal compares the CPU
time of the job, and that of the server is shown. The peer is `malignancy predict`, with its start.
Exit code 1 if a goal is missed.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.harness.processes import ROOT, cpu_seconds
from benchmarks.harness.table import at_least, at_most, show
from model.artifacts import artifact as artifacts

SIZES: Final = (200_000, 2_000_000, 20_000_000)
FILES: Final = 16
EFFICIENCY, MEGABYTES, OBJECT_STORE = 0.9, 300, 0.8  # goals
STORE, SERVER = "local, S3", "moto's server"
PACKAGES: Final = {"local": "pyarrow", "dask": "distributed", "ray": "ray"}
MOTO: Final = ROOT / ".venv-moto" / "bin" / "moto_server"
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
ENVIRONMENT: Final = {
    **os.environ,
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONPATH": str(ROOT),
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Runs:
    """What was measured of one kind of job, an entry for each round."""

    per_second: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # µs a row
    start: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


Results = dict[tuple[str, int], Runs]  # by engine or peer, and number of workers


def write_rows(folder: Path, rows: int, artifact: Path) -> Path:
    """Write a dataset of random valid rows.

    Args:
        folder: The new folder.
        rows: Number of rows, divided into `FILES` files.
        artifact: The model, whose features have the values 1 to 10.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    draws, size = np.random.default_rng(0), rows // FILES
    names = [each.name for each in artifacts.load(artifact).schema.features]
    for number in range(FILES):
        columns = {name: draws.integers(1, 11, size) for name in names}
        columns["id"] = np.arange(number * size, (number + 1) * size)
        pq.write_table(pa.table(columns), folder / f"{number:02d}.parquet")
    return folder


def run_job(
    artifact: Path, warm_up: Path, source: str, to: str, engine: str, workers: int, runs: Runs
) -> None:
    """Run a job in a process, and add what it measured.

    Args:
        artifact: The model.
        warm_up: A small dataset.
        source: The dataset.
        to: A new folder.
        engine: The engine.
        workers: Number of workers.
        runs: The figures to add to.
    """
    arguments = (str(artifact), str(warm_up), source, to, engine, str(workers))
    command = [sys.executable, "-m", "benchmarks.scale.run_job", *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    runs.per_second.append(found["rows"] / found["job"])
    runs.cpu.append(found["cpu"] / found["rows"] * 1e6)
    runs.start.append(found["start"])
    runs.megabytes.append(found["megabytes"])


def run_predict(artifact: Path, source: Path, to: Path, jobs: int, rows: int, runs: Runs) -> None:
    """Run `malignancy predict` on one file, and add what it took.

    Args:
        artifact: The model.
        source: The file.
        to: The file to write.
        jobs: Number of processes.
        rows: Rows of the file.
        runs: The figures to add to.
    """
    options = ("--output", str(to), "--jobs", str(jobs))
    command = [sys.executable, "-m", "model", "predict", str(artifact), str(source), *options]
    start = time.perf_counter()
    subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    runs.per_second.append(rows / (time.perf_counter() - start))


@contextmanager
def object_store() -> Iterator[tuple[str, int]]:
    """Run moto's server, with the environment set for it; yield a bucket's URI and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, null = f"http://127.0.0.1:{port}", subprocess.DEVNULL
    command = [str(MOTO), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=null, stderr=null) as server:
        try:
            while not _is_created(port):
                time.sleep(0.1)
            ENVIRONMENT.update({**CREDENTIALS, "AWS_ENDPOINT_URL": url})
            yield "s3://bucket", server.pid
        finally:
            server.kill()


def _is_created(port: int) -> bool:
    """Create the bucket; return False if the server does not answer yet."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("PUT", "/bucket")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def upload(folder: Path, uri: str) -> None:
    """Copy a dataset to the object store of the environment.

    Args:
        folder: The dataset.
        uri: The folder to write to.
    """
    code = (
        "import sys; from pyarrow import fs; from model.artifacts.remote import open_filesystem\n"
        "store, path = open_filesystem(sys.argv[2])\n"
        "fs.copy_files(sys.argv[1], path, source_filesystem=fs.LocalFileSystem(), "
        "destination_filesystem=store)"
    )
    command = [sys.executable, "-c", code, str(folder), uri]
    subprocess.run(command, env=ENVIRONMENT, check=True)


def measure(chosen: argparse.Namespace, rows: int, folder: Path) -> Results:
    """Run all jobs of one size.

    Args:
        chosen: The options of the command line.
        rows: Number of rows.
        folder: An empty folder.
    """
    source = write_rows(folder / "rows", rows, chosen.artifact)
    warm_up = write_rows(folder / "warm-up", FILES * 100, chosen.artifact)
    table = folder / "table.parquet"
    _join(source, table)
    results: Results = {}
    for turn in range(chosen.rounds):
        for engine in chosen.engines:
            for workers in (1, 2):
                to = folder / f"{engine}-{workers}-{turn}"
                runs = results.setdefault((engine, workers), Runs())
                run_job(chosen.artifact, warm_up, str(source), str(to), engine, workers, runs)
        for jobs in (1, 2):
            runs = results.setdefault(("predict", jobs), Runs())
            to = folder / f"predict-{jobs}-{turn}.parquet"
            run_predict(chosen.artifact, table, to, jobs, rows, runs)
        if MOTO.is_file() and "local" in chosen.engines and rows <= chosen.store_rows:
            with object_store() as (bucket, server):  # its objects are in its memory
                upload(source, f"{bucket}/rows")
                runs = results.setdefault((STORE, 2), Runs())
                places, before = (f"{bucket}/rows", f"{bucket}/to"), cpu_seconds(server)
                run_job(chosen.artifact, warm_up, *places, "local", 2, runs)
                own = results.setdefault((SERVER, 2), Runs()).cpu
                own.append((cpu_seconds(server) - before) / rows * 1e6)
    return results


def _join(source: Path, table: Path) -> None:
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    rows = ds.dataset(source)
    with pq.ParquetWriter(table, rows.schema) as writer:
        for batch in rows.to_batches():
            writer.write_batch(batch)


def efficiency(results: Results, name: str) -> float:
    """Return the median of the efficiency of two workers; NaN if that was not measured."""
    one, two = results.get((name, 1)), results.get((name, 2))
    if one is None or two is None:
        return float("nan")
    pairs = zip(one.per_second, two.per_second, strict=True)
    return statistics.median(both / (2 * alone) for alone, both in pairs)


def of_local(results: Results, name: str, workers: int) -> float:
    """Return the median of the rows/s of a job, of those of the local engine in the same round."""
    local, other = results.get(("local", workers)), results.get((name, workers))
    if local is None or other is None or not other.per_second:
        return float("nan")
    pairs = zip(other.per_second, local.per_second, strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)


def store_efficiency(results: Results) -> float:
    """Return the median of the CPU time of files, of that of the object store in the same round."""
    files, store = results["local", 2], results[STORE, 2]
    return statistics.median(a / b for a, b in zip(files.cpu, store.cpu, strict=True))


def show_results(rows: int, results: Results) -> None:
    """Print the figures of one size."""
    lines = []
    for (name, workers), runs in results.items():
        cells = (
            _median(runs.per_second),
            of_local(results, name, workers),
            efficiency(results, name) if workers == 2 else float("nan"),
            _median(runs.cpu),
            max(runs.megabytes, default=float("nan")),
            _median(runs.start),
        )
        lines.append((f"{name}, workers: {workers}", cells))
    heads = ("rows/s", "÷ local", "efficiency", "CPU µs/row", "MB a worker", "start, s")
    show(f"{rows:,} rows", heads, lines)


def show_goals(rows: int, results: Results) -> bool:
    """Print the goals of one size, and return True if all of them are met."""
    engines = [name for name in PACKAGES if (name, 2) in results]
    lines = [
        at_least(f"{name}: efficiency", efficiency(results, name), EFFICIENCY) for name in engines
    ]
    for name in engines:
        peak = max(max(results[name, workers].megabytes) for workers in (1, 2))
        lines.append(at_most(f"{name}: MB a worker", peak, MEGABYTES))
    if (STORE, 2) in results:
        share = store_efficiency(results)
        lines.append(at_least("local: CPU time of files ÷ S3", share, OBJECT_STORE))
    show(f"Goals, {rows:,} rows", ("measured", "goal", "met"), lines)
    return all(cells[-1] == "yes" for _, cells in lines)


def _median(figures: list[float]) -> float:
    return statistics.median(figures) if figures else float("nan")


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ROOT / "artifacts" / "wisconsin.joblib"
    parser.add_argument("artifact", type=Path, nargs="?", default=default)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="sizes to measure")
    parser.add_argument("--engines", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--rounds", type=int, default=3, help="[default: 3]")
    parser.add_argument(
        "--store-rows",
        type=int,
        default=SIZES[1],
        help="largest size for the object store, which is in memory [default: %(default)s]",
    )
    parser.add_argument("--quick", action="store_true", help="200 000 rows, one round")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rows, chosen.rounds = SIZES[:1], 1
    missing = [each for each in chosen.engines if find_spec(PACKAGES[each]) is None]
    if missing:
        print(f"left out, not installed: {', '.join(missing)}", file=sys.stderr)
    chosen.engines = [each for each in chosen.engines if each not in missing]
    met = []
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory() as folder:
            results = measure(chosen, rows, Path(folder))
        show_results(rows, results)
        met.append(show_goals(rows, results))
    return 0 if met[-1] else 1  # small sizes are shown for comparison


if __name__ == "__main__":
    sys.exit(main())
