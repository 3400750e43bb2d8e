"""service/protocol/transport.py: written bytes are counted, and a close is requested once."""

import asyncio
import os
import socket
import sys
from array import array
from collections.abc import Iterator
from typing import Any

import pytest

from service.protocol.transport import MeteredTransport


class Raw(asyncio.Transport):
    """A transport that records its calls."""

    def __init__(self, connection: object) -> None:
        super().__init__({"socket": connection})
        self.written: list[bytes] = []
        self.closing = False
        self.unsent_bytes = 0
        self.high_water_bytes: int | None = None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        self.high_water_bytes = high

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes


class ClosedSocket:
    """A closed socket."""

    family = socket.AF_UNIX

    def fileno(self) -> int:
        closed = os.dup(0)
        os.close(closed)
        return closed


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_written_bytes_are_counted() -> None:
    raw = Raw(ClosedSocket())
    transport = MeteredTransport(raw, lambda: None, 4)
    assert transport.written_bytes == 0
    for data in (b"abc", bytearray(b"defg"), memoryview(b"hi")):
        transport.write(data)
    assert transport.written_bytes == 9
    assert raw.written == [b"abc", b"defg", b"hi"]


def test_close_calls_on_close_once() -> None:
    raw, calls = Raw(ClosedSocket()), []
    transport = MeteredTransport(raw, lambda: calls.append(transport.is_closing()), 4)
    assert transport.is_closing() is False
    transport.close()
    transport.close()
    assert calls == [True]
    assert transport.is_closing() is True
    assert not raw.closing


def test_it_is_closing_when_the_raw_transport_is() -> None:
    raw = Raw(ClosedSocket())
    transport = MeteredTransport(raw, lambda: None, 4)
    raw.closing = True
    assert transport.is_closing() is True


@pytest.mark.skipif(sys.platform != "linux", reason="needs ioctl of Linux")
def test_the_kernels_send_queue_counts_while_bytes_are_unsent(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    from fcntl import ioctl
    from termios import TIOCOUTQ

    here, there = pair
    raw = Raw(here)
    transport = MeteredTransport(raw, lambda: None, 4)
    raw.unsent_bytes = 7
    assert transport.unacknowledged_bytes() == 7
    here.send(b"x" * 5000)
    held = array("i", [0])
    ioctl(here.fileno(), TIOCOUTQ, held)
    assert held[0] >= 5000
    assert transport.unacknowledged_bytes() == 7 + held[0]
    raw.unsent_bytes = 0
    assert transport.unacknowledged_bytes() == 0  # the kernel has them all
    raw.unsent_bytes = 7
    there.recv(5000)
    assert transport.unacknowledged_bytes() == 7


@pytest.mark.skipif(sys.platform != "linux", reason="needs ioctl of Linux")
def test_unread_bytes(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    transport = MeteredTransport(Raw(here), lambda: None, 4)
    assert transport.unread_bytes() == 0
    there.send(b"x" * 321)
    assert transport.unread_bytes() == 321
    here.recv(300)
    assert transport.unread_bytes() == 21


def test_a_head_is_written_with_what_follows() -> None:
    raw = Raw(ClosedSocket())
    transport = MeteredTransport(raw, lambda: None, 4)
    transport.holds_next = True
    transport.write(b"head")
    assert raw.written == []
    for data in (memoryview(b" body"), b"more"):
        transport.write(data)
    assert raw.written == [b"head body", b"more"]
    assert transport.written_bytes == 13


def test_a_head_without_a_body_is_written_at_the_close() -> None:
    raw = Raw(ClosedSocket())
    transport = MeteredTransport(raw, lambda: raw.written.append(b"closed"), 4)
    transport.holds_next = True
    transport.write(b"head")
    transport.close()
    assert raw.written == [b"head", b"closed"]


def test_a_closed_socket_has_no_kernel_bytes() -> None:
    raw = Raw(ClosedSocket())
    raw.unsent_bytes = 7
    assert MeteredTransport(raw, lambda: None, 4).unacknowledged_bytes() == 7
