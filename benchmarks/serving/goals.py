"""The goals of serving, beside what was measured."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.harness import table
from benchmarks.harness.processes import SERVER_CORE, on_cores
from benchmarks.serving.servers import BARE, FASTAPI, MLSERVER, OURS
from benchmarks.serving.single_rows import Rounds

ROWS = 4096
# In a process of the measured checkout, which may be another one than that of this program.
PREDICT = """
import json, pathlib, statistics, sys, time
import numpy as np
from model.artifacts import artifact
predictor = artifact.load(pathlib.Path(sys.argv[1]))
shape = (int(sys.argv[2]), len(predictor.schema.features))
rows = np.random.default_rng(0).integers(1, 11, shape).astype(np.float64)
seconds = []
for _ in range(61):
    start = time.process_time()
    predictor.predict(rows)
    seconds.append(time.process_time() - start)
print(json.dumps(statistics.median(seconds[10:]) * 1e3))
"""


def predict_ms(root: Path, artifact: Path) -> float:
    """Return the CPU time of a prediction of 4 096 rows without a server, in ms.

    Args:
        root: The checkout that predicts.
        artifact: The model.
    """
    with on_cores(SERVER_CORE):
        done = subprocess.run(
            [sys.executable, "-c", PREDICT, str(artifact), str(ROWS)],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(json.loads(done.stdout))


def show(rounds: Mapping[int, Rounds], milliseconds: float) -> None:
    """Print the goals that were measured.

    Args:
        rounds: The results of single rows by number of connections.
        milliseconds: The result of `predict_ms`.
    """
    table.show("Goals", ("measured", "goal", "met"), _rows(rounds, milliseconds))


def _rows(
    rounds: Mapping[int, Rounds], milliseconds: float
) -> Iterator[tuple[str, tuple[float, str, str]]]:
    if 16 in rounds:
        at_16 = rounds[16]
        yield table.at_most("16 connections: CPU ÷ bare", at_16.ratio(OURS, BARE, "cpu"), 1)
        yield table.at_most("16 connections: p99 ÷ bare", at_16.ratio(OURS, BARE, "p99"), 2)
        for peer, goal in ((FASTAPI, 6), (MLSERVER, 20)):
            if peer in at_16.turns:
                more = at_16.ratio(OURS, peer, "per_second")
                yield table.at_least(f"16 connections: requests/s ÷ {peer}", more, goal)
                less = at_16.ratio(peer, OURS, "cpu")
                yield table.at_least(f"16 connections: CPU of {peer} ÷ ours", less, goal)
    if 1 in rounds:
        yield table.at_most("1 connection: CPU ÷ bare", rounds[1].ratio(OURS, BARE, "cpu"), 2)
    yield table.at_most(f"prediction of {ROWS} rows, ms", milliseconds, 5)
