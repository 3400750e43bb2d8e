"""Read a file that anybody may have put there: a regular one, of a size, without ever blocking."""

import os
import stat
from pathlib import Path

from model.errors import ArtifactError


def read_file(path: Path, most: int) -> bytes:
    """All of a regular file of at most so many bytes; a symbolic link to one is followed.

    Raises OSError, and ArtifactError for what is no such file, or changes while it is read.
    """
    try:
        with open(path, "rb", opener=_without_blocking) as file:
            # Of what is open, whatever its name means by now.
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ArtifactError("not a file")
            if found.st_size > most:
                raise ArtifactError(f"larger than {most} bytes")
            content = file.read(found.st_size + 1)
    except IsADirectoryError:
        raise ArtifactError("not a file") from None
    except ValueError:
        raise ArtifactError("a name that no file can have") from None
    if len(content) != found.st_size:
        raise ArtifactError("it changed while it was read")
    return content


def _without_blocking(path: str, flags: int) -> int:
    """An open file: not to wait for a FIFO's writer, nor to take a terminal over."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
