"""Faults at every system call of a writer leave the old content or the new one, and an error text.

strace injects the faults, into a program that publishes, saves, promotes, swaps and loads
(tests/support/fault_injection_child.py). The long form is stress_crash_safety.py: make stress.
"""

import dataclasses
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import fault_injection_child
from support.fault_injection import KILL, Case, Faults, calls_of, faults

from model.artifacts import artifact
from model.artifacts.repository import artifacts_in, make_current
from model.prediction.predictor import Predictor

OLD = b"old"
ERRORS = ("error=EIO", "error=ENOSPC", "error=EDQUOT")
INTERRUPTED = "error=EINTR"
TEMPORARY = re.compile(r"\.(file|current)\.[0-9a-f]{8}")


def skip_reason() -> str:
    """Return the reason why faults cannot be injected here, empty if they can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-e", "inject=fsync:error=EIO", "true"], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else "strace may not trace here"


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(skip_reason()), reason=skip_reason()),
]


@pytest.fixture(scope="module")
def folder(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with two versions, of which the first is current, and an old file."""
    folder = tmp_path_factory.mktemp("before")
    for mark in "ab":
        version = dataclasses.replace(predictor, facts={"description": mark})
        artifact.save(version, folder / f"{mark}.joblib")
    make_current(folder / "a.joblib")
    (folder / "file").write_bytes(OLD)
    return folder


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def program(
    artifact_path: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Faults]:
    with faults(artifact_path, folder, tmp_path_factory.mktemp("faults")) as program:
        yield program


def check(case: Case, folder: Path, file: str, old: bytes, new: bytes) -> None:
    """Check the rule of every operation that writes a file."""
    left = [each for each in folder.iterdir() if TEMPORARY.fullmatch(each.name)]
    content = (folder / file).read_bytes()
    assert content in (old, new), case
    assert artifacts_in(folder) == [folder / "a.joblib", folder / "b.joblib"], case
    if case.fault == KILL:
        assert (case.code, len(left) <= 1) == (-9, True), case
    else:
        assert left == [], case
        assert case.code in (0, fault_injection_child.EXPECTED_ERROR), case
        if case.code:
            assert str(folder) in case.output, case
        else:
            assert content == new, case


WRITERS = {"publish": "file", "save": "file", "checkpoint": "file", "promote": "current"}
FAULTS = {
    "publish": (KILL, *ERRORS, INTERRUPTED),
    "save": (KILL, ERRORS[1]),
    "checkpoint": (KILL, ERRORS[0]),
    "promote": (KILL, ERRORS[0]),
}


@pytest.mark.parametrize(("operation", "file"), WRITERS.items())
def test_the_order_of_calls(program: Faults, operation: str, file: str) -> None:
    """The content is synced before the rename, and the rename before the writer returns."""
    operations = []
    for line in calls_of(program.run(operation)):
        name = line.partition("(")[0]
        if name in ("openat", "write", "fsync", "rename", "renameat", "renameat2"):
            on_temporary = TEMPORARY.search(line) is not None
            operations.append(
                f"{name.removesuffix('at')} {'temporary' if on_temporary else 'folder'}"
            )
    assert operations == [
        "open temporary",
        "write temporary",
        "fsync temporary",
        "rename temporary",
        "open folder",
        "fsync folder",
    ]
    assert (program.folder / file).read_bytes() != OLD


@pytest.mark.parametrize(("operation", "file"), WRITERS.items())
def test_a_writer(program: Faults, folder: Path, operation: str, file: str) -> None:
    old = (folder / file).read_bytes()
    assert program.run(operation).code == 0
    new = (program.folder / file).read_bytes()
    assert new != old
    seen = set()
    for case in program.every(operation, *FAULTS[operation]):
        check(case, program.folder, file, old, new)
        seen.add((case.fault == KILL, (program.folder / file).read_bytes() == new))
        if case.fault == INTERRUPTED and case.call in ("openat", "write", "fsync", "fstat"):
            assert case.code == 0, case  # the call was repeated
    assert seen == {(killed, changed) for killed in (True, False) for changed in (True, False)}


def test_loading(program: Faults, folder: Path) -> None:
    version = digest(folder / "a.joblib")
    for case in program.every("load", KILL, "error=EIO", INTERRUPTED):
        if case.fault == KILL:
            assert case.code == -9
        elif case.code == 0:
            assert case.output == version
        else:
            assert case.code == fault_injection_child.EXPECTED_ERROR, case
            assert case.output.startswith(f"{program.folder}/a.joblib: "), case
        if case.fault == INTERRUPTED and case.call in ("openat", "read", "fstat"):
            assert case.code == 0, case


def test_swapping(program: Faults, folder: Path) -> None:
    """After any read error, the active version is the previous one or the new one."""
    old, new = digest(folder / "a.joblib"), digest(folder / "b.joblib")
    seen = set()
    for case in program.every("swap", "error=EIO"):
        assert case.code == 0, case
        assert case.output in (old, new), case
        seen.add(case.output)
    assert seen == {old, new}
