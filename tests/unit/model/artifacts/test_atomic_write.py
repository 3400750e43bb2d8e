"""model/artifacts/atomic_write.py: a failed system call leaves the old file or the new one."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model.artifacts.atomic_write import write_atomically

OLD, NEW = b"old", b"new and longer" * 10_000


class FullDisk:
    """A file that writes half of the content, then fails."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __enter__(self) -> "FullDisk":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def write(self, content: bytes) -> int:
        os.write(self.handle, content[: len(content) // 2])
        raise OSError(28, "No space left on device")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.joblib"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0)
    os.umask(before)
    yield os.umask
    os.umask(before)


def files_beside(path: Path) -> list[str]:
    return [file.name for file in path.parent.iterdir()]


def failing(monkeypatch: pytest.MonkeyPatch, name: str, call: int, error: BaseException) -> None:
    """Make the given call of os.`name`, counted from 1, raise `error`."""
    real = getattr(os, name)
    calls = iter(range(1, 100))

    def fake(*arguments: Any, **options: Any) -> Any:
        if next(calls) == call:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(os, name, fake)


def test_write(path: Path) -> None:
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW
    assert files_beside(path) == [path.name]
    new = path.with_name("new.joblib")
    write_atomically(new, b"")
    assert new.read_bytes() == b""


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("name", "call", "content"),
    [
        ("open", 1, OLD),  # the temporary file
        ("fdopen", 1, OLD),
        ("fsync", 1, OLD),
        ("replace", 1, OLD),
        ("open", 2, NEW),  # the folder
        ("fsync", 2, NEW),
        ("close", 1, NEW),
    ],
)
def test_failure_leaves_old_or_new(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    call: int,
    content: bytes,
    error: BaseException,
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, name, call, error)
        with pytest.raises(type(error)) as raised:
            write_atomically(path, NEW)
    assert raised.value is error
    assert path.read_bytes() == content
    assert files_beside(path) == [path.name]


def test_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", lambda handle, _: FullDisk(handle))
        with pytest.raises(OSError, match="No space left on device"):
            write_atomically(path, NEW)
    assert path.read_bytes() == OLD
    assert files_beside(path) == [path.name]


def test_order_of_system_calls(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is synced before the rename, and the rename before `write_atomically` returns."""
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def fake(*arguments: Any, name: str = name, real: Any = real) -> Any:
            size = path.stat().st_size
            assert name == "fsync" or Path(arguments[0]).parent == path.parent
            is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            calls.append(f"{name} {'folder' if is_folder else 'file'} {size}")
            return real(*arguments)

        monkeypatch.setattr(os, name, fake)
    write_atomically(path, NEW)
    assert calls == ["fsync file 3", "replace file 3", f"fsync folder {len(NEW)}"]


@pytest.mark.parametrize(
    ("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0, 0o666)]
)
def test_permissions_follow_the_umask(
    path: Path, umask: Callable[[int], int], mask: int, mode: int
) -> None:
    umask(mask)
    write_atomically(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert umask(mask) == mask


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "model.joblib", NEW)
    assert list(tmp_path.iterdir()) == []


def test_path_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(folder, NEW)
    assert files_beside(folder) == ["folder"]
    assert list(folder.iterdir()) == []
