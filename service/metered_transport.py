"""A connection's transport that counts what is written, and asks before it closes."""

import asyncio
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import FIONREAD, TIOCOUTQ


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

    def untaken_bytes(self) -> int:
        """What was written and the client has not acknowledged; 0 once the system has it all."""
        unsent = self.raw.get_write_buffer_size()
        return unsent and unsent + self._held_bytes()

    def _held_bytes(self) -> int:
        """What the system holds for the client, which may be megabytes; 0 where it cannot tell."""
        return _asked(self.raw, TIOCOUTQ) if sys.platform == "linux" else 0


def unread_bytes(raw: asyncio.Transport) -> int:
    """What has arrived and was not read yet; 0 where the system cannot tell."""
    return _asked(raw, FIONREAD) if sys.platform == "linux" else 0


def _asked(raw: asyncio.Transport, request: int) -> int:
    answer = array("i", [0])
    with suppress(OSError):
        ioctl(raw.get_extra_info("socket").fileno(), request, answer)
    return answer[0]
