"""Datasets for jobs of `malignancy score`, the command as a process, and what a job has written."""

import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from support.arrow_streams import NAMES, pa
from support.paths import ROOT

pq: Any = importlib.import_module("pyarrow.parquet")
scorers: Any = importlib.import_module("service.scoring.scorer")


def dataset(folder: Path, files: int, rows: int) -> Path:
    """Write Parquet files with some invalid rows and a column `id`, the number of the row.

    Args:
        folder: A new folder.
        files: Number of files.
        rows: Rows of each.
    """
    folder.mkdir()
    draw = np.random.default_rng(7)
    for number in range(files):
        values = draw.integers(1, 11, (9, rows)).astype(float)
        values[draw.integers(9, size=rows // 100), draw.integers(rows, size=rows // 100)] = 12
        columns = dict(zip(NAMES, values, strict=True))
        columns["id"] = np.arange(number * rows, (number + 1) * rows)
        pq.write_table(pa.table(columns), folder / f"file-{number:03d}.parquet")
    return folder


def scorer_of(artifact: Path) -> Any:
    """Return the scorer of an artifact."""
    return scorers.Scorer(str(artifact), hashlib.sha256(artifact.read_bytes()).hexdigest())


def parts_of(folder: Path) -> dict[str, bytes]:
    """Return the content of each part of a complete job by name, after a check of its manifest."""
    assert (folder / "_SUCCESS").exists()
    manifest = json.loads((folder / "_malignancy/manifest.json").read_text())
    parts = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    checksums = {each["part"]: each["sha256"] for each in manifest["parts"]}
    assert checksums == {name: hashlib.sha256(each).hexdigest() for name, each in parts.items()}
    return parts


def ids_of(folder: Path) -> list[int]:
    """Return the number of each row of the parts, in their order."""
    found: list[int] = pq.read_table(sorted(folder.glob("*.parquet")), columns=["id"])[
        "id"
    ].to_pylist()
    return found


@contextmanager
def started_job(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[subprocess.Popen[str]]:
    """Run `malignancy score` in a process, which is killed at the end of the context.

    Args:
        arguments: Arguments of the command.
        environment: Further environment variables.
        prefix: A command that runs the command after it; empty to run that itself.
    """
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    command = [*prefix, sys.executable, "-m", "service.scoring.command", *map(str, arguments)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_command(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run `malignancy score`; return the exit code, stdout and stderr.

    Args:
        arguments: Arguments of the command.
        environment: Further environment variables.
    """
    with started_job(*arguments, environment=environment) as process:
        out, errors = process.communicate()
    return process.returncode, out, errors


def assert_same_rows(found: Any, expected: Any) -> None:
    """Check that tables have the same rows, to the last bit, in any order.

    Args:
        found: A table of a client of Scorer, whose types may differ.
        expected: The table that a job writes.
    """
    assert set(found.column_names) == set(expected.column_names)
    found = found.select(expected.column_names).sort_by("id").cast(expected.schema)
    assert found.combine_chunks().equals(expected.combine_chunks())


def scored_table(artifact: Path, source: Path, to: Path) -> Any:
    """Return the table that a job writes, ordered by row.

    Args:
        artifact: The artifact.
        source: The dataset, which has invalid rows.
        to: A new folder.
    """
    code, _, errors = run_command(artifact, source, "--to", to, "--workers", "1")
    assert (code, errors) == (0, "")
    table = pq.read_table(sorted(to.glob("*.parquet")))
    assert 0 < table["error"].null_count < len(table)
    return table
