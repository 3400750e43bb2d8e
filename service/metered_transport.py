"""A connection's transport that counts what is written, and asks before it closes."""

import asyncio
from collections.abc import Callable


class MeteredTransport(asyncio.Transport):
    """What uvicorn's request cycles need of a transport.

    `on_close` is called instead of closing, once: it closes `raw` when it sees fit.
    """

    def __init__(self, raw: asyncio.Transport, on_close: Callable[[], None]) -> None:
        super().__init__()
        self.raw = raw
        self.written_bytes = 0
        self._on_close = on_close
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send some bytes."""
        self.written_bytes += len(data)
        self.raw.write(data)

    def is_closing(self) -> bool:
        """Whether no more is to be written."""
        return self._closing or self.raw.is_closing()

    def close(self) -> None:
        """Have it closed, after what was written is sent."""
        if not self._closing:
            self._closing = True
            self._on_close()

    def unsent_bytes(self) -> int:
        """What was written and the system has not taken."""
        return self.raw.get_write_buffer_size()
