"""Encoder of an answer, in steps of limited size that run in threads."""

import zlib
from typing import Any, Final

from service.compression.codings import GZIP, ZSTD, zstd_module
from service.overload.limiter import WorkLimiter
from service.overload.memory import request_lease

STEP_BYTES: Final = 128 * 1024
# The fastest level: another takes up to three times as long for 20 % fewer bytes.
LEVEL: Final = 1
GZIP_BITS: Final = 16 + zlib.MAX_WBITS
ZSTD_WINDOW_LOG: Final = 17  # 128 KiB
# Memory of a compressor in bytes.
STATE_BYTES: Final = {GZIP: 300 * 1024, ZSTD: 768 * 1024}


def new_compressor(coding: str) -> Any:
    """Return a compressor, which has the methods `compress` and `flush`."""
    if coding == GZIP:
        return zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_BITS)
    zstd = zstd_module()
    parameter = zstd.CompressionParameter
    options = {parameter.compression_level: LEVEL, parameter.window_log: ZSTD_WINDOW_LOG}
    return zstd.ZstdCompressor(options=options)


def compress(coding: str, content: bytes) -> bytes:
    """Return a whole content in a coding.

    Args:
        coding: One of STATE_BYTES.
        content: The content, so short that the event loop may wait for it.
    """
    compressor = new_compressor(coding)
    compressed: bytes = compressor.compress(content) + compressor.flush()
    return compressed


class Encoder:
    """Applies a content coding to an answer, which is charged to the memory ledger.

    Args:
        coding: One of STATE_BYTES.
        limiter: The threads that compress.
    """

    def __init__(self, coding: str, limiter: WorkLimiter) -> None:
        self.coding = coding
        self._compressor: Any = None
        self._parts = limiter.in_parts()
        self._lease = request_lease.get().ledger.lease()

    async def encode(self, step: bytes, *, last: bool) -> bytes:
        """Return the next bytes of the answer, perhaps none.

        Args:
            step: The next bytes of the content, at most STEP_BYTES.
            last: Whether the content ends with them.

        Raises:
            Problem: The service is busy, or the memory for requests is full (503).
        """
        self._lease.resize(STATE_BYTES[self.coding] + 3 * STEP_BYTES)  # held, cut, compressed
        return await self._parts.run(self._encode, step, last)

    def _encode(self, step: bytes, last: bool) -> bytes:
        if self._compressor is None:
            self._compressor = new_compressor(self.coding)
        encoded: bytes = self._compressor.compress(step)
        return encoded + self._compressor.flush() if last else encoded

    def close(self) -> None:
        """End the work, and release its memory."""
        self._parts.__exit__()
        self._lease.resize(0)
