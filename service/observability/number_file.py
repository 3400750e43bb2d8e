"""File of one worker process's numbers, which the other workers read."""

import fcntl
import json
import mmap
import os
import struct
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

Key = tuple[str, ...]

CHUNK_BYTES: Final = 1 << 16  # a multiple of the size of a page
SUFFIX: Final = ".numbers"
_HEADER: Final = struct.Struct("=II")  # bytes of the key, numbers


class NumberFile:
    """Numbers in memory that is mapped to a file, so that they outlive the process.

    The file consists of chunks, a chunk of records, and zeros after the last one. A record is a
    header, a key as JSON, and its numbers as float64. The process locks the file while it runs.

    Args:
        folder: Folder of the files of all workers.

    Attributes:
        path: The file.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor, path = tempfile.mkstemp(SUFFIX, dir=folder)
        self.path = Path(path)
        weakref.finalize(self, os.close, self._descriptor)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._chunks = 0
        self._used = CHUNK_BYTES

    def append(self, key: Key, size: int) -> "memoryview[float]":
        """Add a record, and return its numbers, which are zeros.

        Args:
            key: A key that the file does not have.
            size: How many numbers it has.
        """
        text = json.dumps(key).encode()
        text += b" " * (-len(text) % 8)
        start = _HEADER.size + len(text)
        end = start + 8 * size
        if self._used + end > CHUNK_BYTES:
            offset = self._chunks * CHUNK_BYTES
            os.ftruncate(self._descriptor, offset + CHUNK_BYTES)
            self._chunk = memoryview(mmap.mmap(self._descriptor, CHUNK_BYTES, offset=offset))
            self._chunks, self._used = self._chunks + 1, 0
        record = self._chunk[self._used : self._used + end]
        self._used += end
        record[_HEADER.size : start] = text
        record[: _HEADER.size] = _HEADER.pack(len(text), size)  # last: readers stop at zeros
        return record[start:].cast("d")


def read_numbers(path: Path) -> tuple[dict[Key, list[float]], bool]:
    """Return the numbers in a file by key, and whether its process is running.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return dict(_records(file.read())), True
        return dict(_records(file.read())), False


def _records(content: bytes) -> Iterator[tuple[Key, list[float]]]:
    for start in range(0, len(content) - CHUNK_BYTES + 1, CHUNK_BYTES):
        position, end = start, start + CHUNK_BYTES
        while position < end:
            key_bytes, size = _HEADER.unpack_from(content, position)
            if not size:
                break
            numbers_at = position + _HEADER.size + key_bytes
            key = tuple(json.loads(content[position + _HEADER.size : numbers_at]))
            yield key, list(struct.unpack_from(f"={size}d", content, numbers_at))
            position = numbers_at + 8 * size
