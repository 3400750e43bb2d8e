"""Buffer for an answer until it is complete: in memory, and beyond 1 MiB in a temporary file.

A body that is read at any place is held so, too.
"""

import io
import tempfile
from collections.abc import AsyncIterator
from typing import IO

from service.overload.memory import MemoryLedger, spools_full
from service.overload.threads import run_in_thread

MEMORY_BYTES = 1024 * 1024
CHUNK_BYTES = 128 * 1024


class ResponseSpool:
    """Bytes that are written, then read once. A context manager; its exit discards them.

    The file is unbuffered, so that a full temporary folder is noticed before the status is sent.

    Args:
        ledger: The ledger of temporary files.

    Attributes:
        size: Number of written bytes.
        memory_bytes: Memory that the spool has, or takes to be read.
    """

    def __init__(self, ledger: MemoryLedger) -> None:
        self._lease = ledger.lease()
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = self.memory_bytes = 0

    def __enter__(self) -> "ResponseSpool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        self._lease.resize(0)

    def write(self, data: bytes) -> None:
        """Append bytes. Raises Problem (507) if no temporary file has room."""
        self.size += len(data)
        if self._file is None and self.size <= MEMORY_BYTES:
            self._parts.append(data)
            self.memory_bytes = self.size
            return
        self._lease.resize(self.size)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            for part in (*self._parts, data):
                view = memoryview(part)
                while view:  # the last block before the end of the room is written in part
                    view = view[self._file.write(view) :]
        except OSError:
            raise spools_full() from None
        self._parts.clear()
        self.memory_bytes = CHUNK_BYTES

    def file(self) -> IO[bytes]:
        """Return everything that was written as a file, open until the exit."""
        if self._file is None:
            return io.BytesIO(b"".join(self._parts))
        return self._file

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield everything that was written, up to 128 KiB at a time."""
        if self._file is None:
            for part in self._parts:
                yield part
            return
        self._file.seek(0)
        while chunk := await run_in_thread(self._file.read, CHUNK_BYTES):
            yield chunk
