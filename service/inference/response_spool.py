"""Buffer for an answer until it is complete: in memory, and beyond 4 MiB in a temporary file."""

import tempfile
from collections.abc import AsyncIterator

from service.overload.threads import run_in_thread
from service.problems import Problem

MEMORY_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 256 * 1024


class ResponseSpool:
    """Bytes that are written, then read once. A context manager; its exit discards them."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115
        self.size = 0

    def __enter__(self) -> "ResponseSpool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """Append bytes. Raises Problem (507) if no temporary folder has room."""
        try:
            self._file.write(data)
        except OSError:
            raise Problem(
                507,
                f"The answer has more than {MEMORY_BYTES} bytes, and the service has no room for "
                "it in a temporary folder. Send fewer rows at a time.",
            ) from None
        self.size += len(data)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield everything that was written, 256 KiB at a time."""
        self._file.seek(0)
        in_memory = self.size <= MEMORY_BYTES
        while True:
            read = self._file.read
            chunk = read(CHUNK_BYTES) if in_memory else await run_in_thread(read, CHUNK_BYTES)
            if not chunk:
                return
            yield chunk
