"""A thousand and more hostile and broken artifacts: each is refused, soon, and nothing is done.

They are made by tests/support/hostile_artifacts.py and loaded by a program that audits itself,
tests/support/audited_loading.py.
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

SECONDS = 3  # of the processor, for a busy machine; the slowest takes half of one
MORE_BYTES = 64 << 20  # that any file may take, besides three times its size
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
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(list(folder.iterdir()))
    assert not Path(canary).exists()
    yield folder, told
    shutil.rmtree(folder)  # a lot


def test_each_is_refused(outcomes: Outcomes, figures: Callable[[str], None]) -> None:
    folder, told = outcomes
    assert len(told) > 1000
    slowest = max(each["seconds"] for each in told)
    figures(f"{len(told)} files, all refused, the slowest in {slowest:.2f} s")
    wrong = [
        each
        for each in told
        if not each["said"].startswith(f"ArtifactError: {folder}/{each['file']}: ")
    ]
    assert wrong == []


def test_nothing_else_is_done(outcomes: Outcomes) -> None:
    assert [each for each in outcomes[1] if each["events"]] == []


def test_each_soon(outcomes: Outcomes) -> None:
    assert [each for each in outcomes[1] if each["seconds"] >= SECONDS] == []


def test_each_in_little_memory(outcomes: Outcomes) -> None:
    folder, told = outcomes
    wrong = []
    for each in told:
        size = min((folder / each["file"]).lstat().st_size, artifact.MAX_BYTES)
        if each["bytes"] >= 3 * size + MORE_BYTES:
            wrong.append(each)
    assert wrong == []
