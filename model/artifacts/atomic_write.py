"""Atomic file writes: a crash at any byte leaves the old file or the new one, never a mix.

A writer that is killed may leave its temporary file, `.NAME.` and random digits. Readers skip such
files; they are not removed automatically, since another writer may still be using one.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_BINARY = getattr(os, "O_BINARY", 0)
MODE = 0o666  # less the umask of the process, like any new file


def write_atomically(path: Path, content: bytes, mode: int = MODE) -> None:
    """Write `content` to `path` with `atomic_writer`.

    Args:
        path: The file to create or replace.
        content: All of its bytes.
        mode: Permissions of the file, before the umask.

    Raises:
        OSError: As `atomic_writer`.
    """
    with atomic_writer(path, mode) as file:
        file.write(content)


@contextmanager
def atomic_writer(path: Path, mode: int = MODE) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` on a normal exit.

    The order is fsync of the file, rename, fsync of the folder. After an error `path` holds the
    old content, or the new one where only the fsync of the folder failed; no temporary file is
    left.

    Args:
        path: The file to create or replace.
        mode: Permissions of the file, before the umask.

    Yields:
        The temporary file, open for writing.

    Raises:
        OSError: A system call failed; its `filename` is `path`.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    with _errors_name(path):
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
def _errors_name(path: Path) -> Iterator[None]:
    """Set `path` as file name of OSErrors that name no file, or the temporary one."""
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
