"""An answer that is kept until all of it is known: in memory, and beyond some of that on disk."""

import tempfile
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from service.problems import Problem

MEMORY_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 256 * 1024


class ResponseSpool:
    """Bytes to be written, then read once. A context: at its end they are gone."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115
        self.size = 0

    def __enter__(self) -> "ResponseSpool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """Append. Raises Problem (507) where no temporary folder has room for it."""
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
        """All that was written."""
        self._file.seek(0)
        in_memory = self.size <= MEMORY_BYTES
        while True:
            read = self._file.read
            chunk = read(CHUNK_BYTES) if in_memory else await run_in_threadpool(read, CHUNK_BYTES)
            if not chunk:
                return
            yield chunk
