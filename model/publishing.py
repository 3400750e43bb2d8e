"""Publish a file so that a crash at any byte leaves the old one or the new one, never a mix."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def publish(path: Path, content: bytes) -> None:
    """Write `content` to `path`: see `publishing`."""
    with publishing(path) as file:
        file.write(content)


@contextmanager
def publishing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which is `path` when all is written: fsync, rename, fsync of the folder.

    Raises OSError; then, as after any error within, `path` holds the old content, or the new one
    where only the folder could not be synced, and no temporary file is left.
    """
    folder = path.parent
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
