"""Publish a file so that a crash at any byte leaves the old one or the new one, never a mix.

A writer that is killed may leave its temporary file, `.NAME.` and random digits: nothing reads
those, and nothing removes them, since another writer may be at work on one.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_BINARY = getattr(os, "O_BINARY", 0)
MODE = 0o666  # less the process's mask, as of any new file


def write_atomically(path: Path, content: bytes, mode: int = MODE) -> None:
    """Write `content` to `path`: see `atomic_writer`."""
    with atomic_writer(path, mode) as file:
        file.write(content)


@contextmanager
def atomic_writer(path: Path, mode: int = MODE) -> Iterator[BinaryIO]:
    """A file to write to, which is `path` when all is written: fsync, rename, fsync of the folder.

    Raises OSError that names `path`; then, as after any error within, `path` holds the old content,
    or the new one where only the folder could not be synced, and no temporary file is left.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    with _naming(path):
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of a descriptor know no file, others the temporary one."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(error.filename).name.startswith(f".{path.name}."):
            error.filename, error.filename2 = os.fspath(path), None
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
