"""The memory of a worker does not depend on the size of a file, nor of its row groups."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.arrow_streams import NAMES, pa, scores
from support.paths import ROOT
from support.scored_datasets import pq

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

MAX_BYTES = 300 * 10**6
# Prints the peak memory in KiB. `ru_maxrss` would have that of the process that forks, too.
PROGRAM = """
import re, sys
from service.scoring.command import main
code = main(sys.argv[1:])
with open("/proc/self/status") as file:
    print(re.search(r"VmHWM:\\s*(\\d+)", file.read())[1], file=sys.stderr)
sys.exit(code)
"""


def peak(artifact_path: Path, source: Path, to: Path, *options: str) -> int:
    """Return the peak memory of a job in one process, in bytes."""
    arguments = [artifact_path, source, "--to", to, "--workers", "1", *options]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr) * 1024


def write_parquet(path: Path, rows: int) -> None:
    """Write one row group, with a text in each row."""
    texts = pa.array([f"patient {number:09d}" for number in range(rows)])
    table = scores(rows, pa.int8()).append_column("name", texts)
    pq.write_table(table, path, row_group_size=rows)


def write_csv(path: Path, rows: int) -> None:
    line = ",".join("5" for _ in NAMES) + "\n"
    with path.open("w") as file:
        file.write(",".join(NAMES) + "\n")
        for _ in range(rows // 1000):
            file.write(line * 1000)


@pytest.mark.parametrize(
    ("write", "end"), [(write_parquet, "parquet"), (write_csv, "csv")], ids=["parquet", "csv"]
)
def test_memory_is_flat(
    write: Callable[[Path, int], None],
    end: str,
    wisconsin_path: Path,
    tmp_path: Path,
    figures: Callable[[str], None],
) -> None:
    found = []
    for rows in (200_000, 2_000_000):
        source = tmp_path / f"{rows}.{end}"
        write(source, rows)
        found.append(peak(wisconsin_path, source, tmp_path / f"to{rows}"))
        source.unlink()
    small, large = found
    figures(f"peak {small / 1e6:.0f} MB for 200 000 rows, {large / 1e6:.0f} MB for 2 000 000")
    assert large < MAX_BYTES
    assert large < small + 40 * 10**6
