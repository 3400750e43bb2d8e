"""Reading of untrusted files: regular files only, of limited size, without blocking."""

import errno
import os
import stat
from pathlib import Path

from model.errors import ArtifactError


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a whole regular file of at most `max_bytes`.

    Args:
        path: The file, or a symbolic link to it; links are followed.
        max_bytes: The largest size that is accepted, in bytes.

    Returns:
        The content, of the size that the file had when it was opened.

    Raises:
        OSError: The file cannot be opened or read.
        ArtifactError: It is not a regular file, is larger than `max_bytes`, or its size changed
            while it was read.
    """
    try:
        with open(path, "rb", opener=_open_nonblocking) as file:
            # Of the open descriptor: the path may name another file by now.
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ArtifactError("not a file")
            if status.st_size > max_bytes:
                raise ArtifactError(f"larger than {max_bytes} bytes")
            content = file.read(status.st_size + 1)
    except IsADirectoryError:
        raise ArtifactError("not a file") from None
    except ValueError:
        raise ArtifactError("not a valid file name") from None
    if len(content) != status.st_size:
        raise ArtifactError("the file changed while it was read")
    return content


def require_regular_file(path: Path) -> None:
    """Check that a file is not a pipe, a device or a folder, without opening it.

    Args:
        path: The file, or a symbolic link to it; links are followed.

    Raises:
        OSError: It is not a regular file, or cannot be found.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))


def _open_nonblocking(path: str, flags: int) -> int:
    """Open without waiting for the writer of a FIFO or taking over a terminal."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
