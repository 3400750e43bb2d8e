"""model/artifacts/safe_read.py: regular files only; nothing blocks, grows or never ends."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from model.artifacts.safe_read import read_file
from model.errors import ArtifactError


def error_text(path: Path, max_bytes: int = 1000) -> str:
    with pytest.raises((ArtifactError, OSError)) as error:
        read_file(path, max_bytes)
    return str(error.value)


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_file_and_link(tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(250)) * 4)
    os.truncate(file, size)
    (tmp_path / "link").symlink_to("other")
    (tmp_path / "other").symlink_to(file)  # as in mounts of Kubernetes
    assert read_file(file, 1000) == read_file(tmp_path / "link", 1000) == file.read_bytes()


def test_one_byte_too_many(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(1001))
    assert error_text(tmp_path / "file") == "larger than 1000 bytes"
    os.truncate(tmp_path / "file", 1 << 40)
    assert error_text(tmp_path / "file") == "larger than 1000 bytes"


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Change the file after its size was read and before its content is."""
    real = os.fstat

    def fstat(handle: int) -> os.stat_result:
        found = real(handle)
        if found.st_size == 500:
            change()
        return found

    monkeypatch.setattr(os, "fstat", fstat)


@pytest.mark.parametrize("size", [0, 499, 501, 10**7])
def test_file_grows_or_shrinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(500))
    changing(monkeypatch, lambda: os.truncate(file, size))
    assert error_text(file) == "the file changed while it was read"


def test_file_replaced_by_a_fifo_after_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 500)

    def replace() -> None:
        file.unlink()
        os.mkfifo(file)

    changing(monkeypatch, replace)
    assert read_file(file, 1000) == b"x" * 500


def test_not_a_regular_file(tmp_path: Path) -> None:
    assert error_text(tmp_path) == "not a file"
    for device in ("/dev/zero", "/dev/null", "/dev/random"):
        assert error_text(Path(device)) == "not a file"
    os.mkfifo(tmp_path / "fifo")
    assert error_text(tmp_path / "fifo") == "not a file"
    (tmp_path / "link").symlink_to("fifo")
    assert error_text(tmp_path / "link") == "not a file"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
    assert "No such device or address" in error_text(tmp_path / "socket")


def test_a_fifo_with_a_writer(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    opened = threading.Event()

    def write() -> None:
        handle = os.open(fifo, os.O_RDWR)
        os.write(handle, b"x")
        opened.set()
        done.wait()
        os.close(handle)

    done = threading.Event()
    writer = threading.Thread(target=write)
    writer.start()
    opened.wait()
    assert error_text(fifo) == "not a file"
    done.set()
    writer.join()


def test_names(tmp_path: Path) -> None:
    assert error_text(tmp_path / "a\0b") == "not a valid file name"
    assert error_text(tmp_path / "a\ud800") == "not a valid file name"
    assert "No such file" in error_text(tmp_path / "none")
    (tmp_path / "itself").symlink_to("itself")
    assert "Too many levels" in error_text(tmp_path / "itself")


def test_open_does_not_block_or_take_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    real, used = os.open, []

    def opened(path: str, flags: int) -> int:
        used.append(flags)
        return real(path, flags)

    monkeypatch.setattr(os, "open", opened)
    assert read_file(tmp_path / "file", 1) == b"x"
    (flags,) = used
    assert flags & os.O_NONBLOCK
    assert flags & os.O_NOCTTY
    assert flags & os.O_ACCMODE == os.O_RDONLY


def test_nothing_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (tmp_path, tmp_path / "none", Path("/dev/null")):
        error_text(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
