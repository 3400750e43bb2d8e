"""Exclusive writing: one program at a time writes a file, or the files that belong to it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from model.artifacts.atomic_write import MODE
from model.errors import MalignancyError

if sys.platform != "win32":
    import fcntl


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of a file within the context.

    The lock is the hidden file `.NAME.lock` beside it. The operating system releases the lock of a
    program that is killed, so a lock file that such a program leaves behind locks nothing. Windows,
    and file systems without locks, have no protection.

    Args:
        path: The file that is written; it need not exist, its folder must.

    Raises:
        MalignancyError: Another program holds the lock.
        OSError: The lock file cannot be created; its `filename` is `path`.
    """
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _acquire(lock, path)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()  # before the lock is released: another program cannot hold it yet
        os.close(descriptor)


def _acquire(lock: Path, path: Path) -> int:
    """Return the descriptor of a locked file that has the name `lock`."""
    while True:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, MODE)
        except OSError as error:
            error.filename = os.fspath(path)
            raise
        try:
            if sys.platform != "win32":
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        except FileNotFoundError:
            pass  # the program that held the lock has just removed the file
        except BlockingIOError:
            os.close(descriptor)
            text = "wait until it has ended, or choose another file"
            raise MalignancyError(f"{path}: another program is writing it: {text}") from None
        except OSError:
            return descriptor  # a file system without locks
        os.close(descriptor)
