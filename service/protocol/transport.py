"""A connection's transport that counts what is written, and asks before it closes."""

import asyncio
import socket
import struct
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import Final

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import FIONREAD, TIOCOUTQ

UNSENT_BYTES: Final = 128 * 1024  # that the system takes before it can send them


class MeteredTransport(asyncio.Transport):
    """What uvicorn's request cycles need of a transport.

    `on_close` is called instead of closing, once: it closes `raw` when it sees fit.

    The system takes large answers only as fast as they are read, where it can: otherwise it would
    copy megabytes at once, while all other requests wait, and hold them for each client that does
    not read.
    """

    def __init__(self, raw: asyncio.Transport, on_close: Callable[[], None]) -> None:
        super().__init__()
        self.raw = raw
        self.written_bytes = 0
        self._on_close = on_close
        self._closing = False
        self._socket: socket.socket = raw.get_extra_info("socket")
        if sys.platform == "linux" and self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

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

    def reset(self) -> None:
        """Close it at once, and have the system forget what it still holds for the client."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.abort()

    def untaken_bytes(self) -> int:
        """What was written and the client has not acknowledged; 0 once the system has it all."""
        unsent = self.raw.get_write_buffer_size()
        return unsent and unsent + self._held_bytes()

    def unread_bytes(self) -> int:
        """What has arrived and was not read yet; 0 where the system cannot tell."""
        return self._asked(FIONREAD) if sys.platform == "linux" else 0

    def _held_bytes(self) -> int:
        """What the system holds for the client; 0 where it cannot tell."""
        return self._asked(TIOCOUTQ) if sys.platform == "linux" else 0

    def _asked(self, request: int) -> int:
        answer = array("i", [0])
        with suppress(OSError):
            ioctl(self._socket.fileno(), request, answer)
        return answer[0]
