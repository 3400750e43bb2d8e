"""Tests of model.artifacts.exclusive: one writer at a time, also after a kill."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from model.artifacts.exclusive import exclusive
from model.errors import MalignancyError

HOLDER = """
import sys, time
from pathlib import Path
from model.artifacts.exclusive import exclusive
with exclusive(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""
BUSY = "another program is writing it: wait until it has ended, or choose another file"


def test_the_second_writer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    with exclusive(path), exclusive(tmp_path / "b.html"):
        for _ in range(2):
            with pytest.raises(MalignancyError) as error, exclusive(path):
                pass
            assert str(error.value) == f"{path}: {BUSY}"
    for _ in range(2):
        with exclusive(path):
            assert [each.name for each in tmp_path.iterdir()] == [".a.html.lock"]
        assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(MalignancyError, match=BUSY), exclusive(path):
            pass
        holder.kill()
        holder.wait()
    assert (tmp_path / ".a.html.lock").exists()
    with exclusive(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_was_just_removed_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / "a.html", tmp_path / ".a.html.lock"
    flock, another_follows = fcntl.flock, [False, True]

    def lose(descriptor: int, operation: int) -> None:
        flock(descriptor, operation)
        if another_follows:  # the program that held the lock has just removed the file
            lock.unlink()
            if another_follows.pop():
                lock.touch()

    monkeypatch.setattr(fcntl, "flock", lose)
    with exclusive(path):
        assert not another_follows
        with pytest.raises(MalignancyError, match=BUSY), exclusive(path):
            pass


def test_a_file_system_without_locks_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", fail)
    with exclusive(tmp_path / "a.html"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error, exclusive(tmp_path / "none" / "a.html"):
        pass
    assert error.value.filename == os.fspath(tmp_path / "none" / "a.html")
