"""Long form of test_crash_safety.py: every fault, complete commands, random kills."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.service.test_crash_safety import (
    ERRORS,
    INTERRUPTED,
    TEMPORARY,
    WRITERS,
    check,
    digest,
)
from integration.service.test_crash_safety import folder as folder
from integration.service.test_crash_safety import program as program
from integration.service.test_crash_safety import pytestmark as pytestmark
from support.fault_injection import KILL, Faults, faults
from support.paths import ROOT

from model.artifacts import artifact
from model.artifacts.repository import current_artifact

KILLS = 2000
RECIPE = """
extends = "article"
name = "short"
[training]
epochs = 3
"""
ENDS = {".png": b"IEND\xaeB`\x82", ".html": b"</html>"}
# A writer of two contents and of the pointer, to be killed at any moment.
WRITER = """
import sys
from pathlib import Path
from model.artifacts.atomic_write import publish
from model.artifacts.repository import make_current
folder = Path(sys.argv[1])
contents = [letter * 200_000 for letter in (b"a", b"b")]
print("ready", flush=True)
while True:
    for name, content in zip("ab", contents):
        publish(folder / "file", content)
        make_current(folder / f"{name}.joblib")
"""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("operation", "file"), WRITERS.items())
def test_every_fault_of_a_writer(
    program: Faults, folder: Path, operation: str, file: str, figures: Callable[[str], None]
) -> None:
    old = (folder / file).read_bytes()
    program.run(operation)
    new = (program.folder / file).read_bytes()
    cases = 0
    for case in program.every(operation, KILL, *ERRORS, INTERRUPTED, "error=EACCES", "error=EROFS"):
        check(case, program.folder, file, old, new)
        cases += 1
    figures(f"{cases} faults, each left the old file or the new one")


@pytest.mark.timeout(3600)
def test_every_fault_of_a_swap(
    program: Faults, folder: Path, figures: Callable[[str], None]
) -> None:
    both = digest(folder / "a.joblib"), digest(folder / "b.joblib")
    cases = 0
    for fault in ("EIO", "EINTR", "EACCES", "ENOENT", "EMFILE", "ENOMEM", "ESTALE"):
        for case in program.every("swap", f"error={fault}"):
            assert case.code == 0, case
            assert case.output in both, case
            cases += 1
    figures(f"{cases} faults, each left the old version serving or the new one")


@pytest.fixture(scope="module")
def after_training(
    artifact_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Faults]:
    """Prepare fault injection in a folder with a trained model."""
    source = tmp_path_factory.mktemp("trained")
    (source / "short.toml").write_text(RECIPE, encoding="utf-8")
    command = [sys.executable, "-m", "model", "train", "short.toml", "--output", "a.joblib"]
    subprocess.run(command, cwd=source, env={"PYTHONPATH": str(ROOT)}, check=True)
    with faults(artifact_path, source, tmp_path_factory.mktemp("faults")) as program:
        yield program


COMMANDS = [
    ["promote", "a.joblib"],
    ["report", "a.joblib"],
    ["train", "short.toml", "--output", "a.joblib", "--checkpoint", "state"],
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
def test_a_command(
    after_training: Faults, command: list[str], figures: Callable[[str], None]
) -> None:
    """Every file that it leaves is readable, and a failed write is reported in one line."""
    trained = after_training
    arguments = [str(trained.folder / each) if "." in each else each for each in command]
    if "--checkpoint" in arguments:
        arguments[-1] = str(trained.folder / "state")
    (trained.folder.parent / "arguments.json").write_text(json.dumps(arguments))
    assert trained.run("command").code == 0
    cases = refused = 0
    for case in trained.every("command", KILL, "error=ENOSPC", only=TEMPORARY_CALLS):
        cases += 1
        left = [each for each in trained.folder.iterdir() if each.name.startswith(".")]
        for file in trained.folder.iterdir():
            if not file.name.startswith("."):
                assert file.read_bytes().rstrip().endswith(ENDS.get(file.suffix, b"")), case
        artifact.load(trained.folder / "a.joblib").replay_self_test()
        current_artifact(trained.folder)
        if case.fault == KILL:
            assert (case.code, len(left) <= 1) == (-9, True), case
            continue
        assert left == [], case
        if case.code:
            refused += 1
            assert case.code == 2, case
            assert case.errors.startswith(f"error: {trained.folder}"), case
            assert case.errors.endswith(": No space left on device\n"), case
            assert case.errors.count("\n") == 1, case
    assert refused
    figures(f"{cases} faults, all files whole, {refused} reported in one line")


TEMPORARY_CALLS = ("openat", "write", "fsync", "rename", "close", "unlink")


@pytest.mark.timeout(3600)
def test_random_kills(folder: Path, tmp_path: Path, figures: Callable[[str], None]) -> None:
    draw = random.Random(0)
    contents = {letter * 200_000 for letter in (b"a", b"b")}
    for name in "ab":
        (tmp_path / f"{name}.joblib").write_bytes((folder / f"{name}.joblib").read_bytes())
    seen = set()
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-S", "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(draw.random() / 100)
            process.kill()
        if not (tmp_path / "current").exists():  # killed before it wrote anything
            continue
        content = (tmp_path / "file").read_bytes()
        assert content in contents
        seen.add((content[:1], artifact.load(current_artifact(tmp_path)).title))
    assert len(seen) == 4
    unfinished = [each for each in tmp_path.iterdir() if TEMPORARY.fullmatch(each.name)]
    assert len(unfinished) > KILLS / 10
    figures(f"{KILLS} kills, {len(unfinished)} in the middle of writing, no file lost or torn")
