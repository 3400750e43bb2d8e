"""Transport wrapper with a deadline for sent bytes; the connection decides how to close."""

import asyncio
import socket
import struct
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from service.protocol.timeouts import Deadline

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import FIONREAD, TIOCOUTQ

MAX_UNSENT_BYTES: Final = 128 * 1024  # in the kernel's send buffer, before they can be sent
MAX_WRITE_BUFFER_BYTES: Final = 16 * 1024  # in the process, above which nothing more is written


def limit_unsent_bytes(listener: socket.socket) -> None:
    """Limit the unsent bytes in the kernel's send buffers, on Linux.

    Without TCP_NOTSENT_LOWAT, the kernel would copy megabytes at once while all other requests
    wait, and would hold them for each client that does not read.

    Args:
        listener: The listening socket; its connections inherit the limit.
    """
    if sys.platform == "linux" and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)


class MeteredTransport(asyncio.Transport):
    """The part of a transport that uvicorn's request cycles use.

    Args:
        raw: The transport of the event loop.
        on_close: Called once instead of closing; closes `raw` when the connection is ready.
        send_timeout_seconds: The time in which a client must acknowledge the written bytes.

    Attributes:
        raw: The transport of the event loop.
        written_bytes: The number of bytes written so far.
        holds_next: Whether the next write, the head of a response, is sent with the one after it.
    """

    def __init__(
        self, raw: asyncio.Transport, on_close: Callable[[], None], send_timeout_seconds: float
    ) -> None:
        super().__init__()
        self.raw = raw
        self.written_bytes = 0
        self.holds_next, self._head = False, b""
        self._on_close = on_close
        self._closing = False
        self._send_deadline = Deadline(send_timeout_seconds)
        # The acknowledged bytes at the time when the client began to owe acknowledgements.
        self._acknowledged_at_start: int | None = None
        raw.set_write_buffer_limits(MAX_WRITE_BUFFER_BYTES)

    @property
    def _socket(self) -> socket.socket:
        return cast(socket.socket, self.raw.get_extra_info("socket"))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.holds_next:
            self.holds_next, self._head = False, bytes(data)
            return
        if self._head:
            data, self._head = self._head + data, b""
        self.written_bytes += len(data)
        self.raw.write(data)

    def flush(self) -> None:
        """Send a head that is held: its response ends without a body."""
        self.holds_next = False
        if self._head:
            self.write(b"")

    def is_closing(self) -> bool:
        return self._closing or self.raw.is_closing()

    def close(self) -> None:
        """Call `on_close`, on the first call only."""
        if not self._closing:
            self._closing = True
            self.flush()
            self._on_close()

    def reset(self) -> None:
        """Close at once with a TCP reset; the kernel drops the unsent bytes."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.abort()

    def unacknowledged_bytes(self) -> int:
        """Return the written bytes that the client has not acknowledged.

        0 as soon as the kernel's send buffer holds all of them.
        """
        unsent = self.raw.get_write_buffer_size()
        return unsent and unsent + self._kernel_send_bytes()

    def send_expired(self, seconds: float, unacknowledged: int) -> bool:
        """Return True if the client has not acknowledged the written bytes in time.

        Args:
            seconds: The time since the last call.
            unacknowledged: `unacknowledged_bytes()`.
        """
        acknowledged = self.written_bytes - unacknowledged
        if not unacknowledged:
            self._acknowledged_at_start = None
        elif self._acknowledged_at_start is None:
            self._acknowledged_at_start = acknowledged
            self._send_deadline.reset()
        else:
            transferred = acknowledged - self._acknowledged_at_start
            return self._send_deadline.expired(seconds, transferred)
        return False

    def unread_bytes(self) -> int:
        """Return the received bytes that were not read yet; 0 on systems other than Linux."""
        return self._ioctl(FIONREAD) if sys.platform == "linux" else 0

    def _kernel_send_bytes(self) -> int:
        """Return the size of the kernel's send queue; 0 on systems other than Linux."""
        return self._ioctl(TIOCOUTQ) if sys.platform == "linux" else 0

    def _ioctl(self, request: int) -> int:
        result = array("i", [0])
        with suppress(OSError):
            ioctl(self._socket.fileno(), request, result)
        return result[0]
