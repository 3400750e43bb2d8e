"""Hostile and broken artifacts are rejected quickly, in little memory and without side effects.

tests/support/hostile_artifacts.py generates over 1000 files. tests/support/audited_loading.py loads
them under an audit hook.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
from support import hostile_artifacts
from support.paths import ROOT

from model.artifacts import artifact

MAX_SECONDS = 3  # of CPU time, on a busy machine; the slowest file takes 0.5 s
EXTRA_BYTES = 64 << 20  # of memory for any file, in addition to three times its size
Outcomes = tuple[Path, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def outcomes(artifact_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    folder = tmp_path_factory.mktemp("hostile")
    canary = str(tmp_path_factory.mktemp("canary") / "sang")
    good, content = artifact_path.read_bytes(), joblib.load(artifact_path)
    draw = random.Random(0)
    for files in (
        hostile_artifacts.gadgets(content, canary),
        hostile_artifacts.opcodes(good),
        hostile_artifacts.cuts(good, draw),
        hostile_artifacts.metadata(content),
        hostile_artifacts.archives(content, canary),
    ):
        for name, data in files:
            (folder / name).write_bytes(data)
    hostile_artifacts.special(folder, artifact_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.audited_loading", str(folder), str(artifact_path)],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(list(folder.iterdir()))
    assert not Path(canary).exists()
    yield folder, results
    shutil.rmtree(folder)  # the files are large


def test_every_file_is_rejected(outcomes: Outcomes, figures: Callable[[str], None]) -> None:
    folder, results = outcomes
    assert len(results) > 1000
    slowest = max(result["seconds"] for result in results)
    figures(f"{len(results)} files, all rejected, the slowest in {slowest:.2f} s")
    wrong = [
        result
        for result in results
        if not result["result"].startswith(f"ArtifactError: {folder}/{result['file']}: ")
    ]
    assert wrong == []


def test_no_file_has_side_effects(outcomes: Outcomes) -> None:
    assert [(result["file"], result["events"]) for result in outcomes[1] if result["events"]] == []


def test_every_file_is_rejected_quickly(outcomes: Outcomes) -> None:
    assert [result for result in outcomes[1] if result["seconds"] >= MAX_SECONDS] == []


def test_every_file_is_rejected_in_little_memory(outcomes: Outcomes) -> None:
    folder, results = outcomes
    wrong = []
    for result in results:
        size = min((folder / result["file"]).lstat().st_size, artifact.MAX_BYTES)
        if result["bytes"] >= 3 * size + EXTRA_BYTES:
            wrong.append(result)
    assert wrong == []
