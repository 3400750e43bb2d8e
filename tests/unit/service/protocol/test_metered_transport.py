"""service/protocol/transport.py: what is written is counted, and a close is asked for once."""

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
    """A transport that keeps what it is asked to do."""

    def __init__(self, connection: object) -> None:
        super().__init__({"socket": connection})
        self.written: list[bytes] = []
        self.closing = False
        self.unsent_bytes = 0

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes


class Gone:
    """A socket that was closed."""

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


def test_it_counts_all_that_is_written() -> None:
    raw = Raw(Gone())
    transport = MeteredTransport(raw, lambda: None)
    assert transport.written_bytes == 0
    for data in (b"abc", bytearray(b"defg"), memoryview(b"hi")):
        transport.write(data)
    assert transport.written_bytes == 9
    assert raw.written == [b"abc", b"defg", b"hi"]


def test_it_asks_once_before_it_closes() -> None:
    raw, asked = Raw(Gone()), []
    transport = MeteredTransport(raw, lambda: asked.append(transport.is_closing()))
    assert transport.is_closing() is False
    transport.close()
    transport.close()
    assert asked == [True]
    assert transport.is_closing() is True
    assert not raw.closing


def test_it_is_closing_when_what_is_below_is() -> None:
    raw = Raw(Gone())
    transport = MeteredTransport(raw, lambda: None)
    raw.closing = True
    assert transport.is_closing() is True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it holds")
def test_what_the_system_holds_counts_while_something_is_unsent(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    from fcntl import ioctl
    from termios import TIOCOUTQ

    here, there = pair
    raw = Raw(here)
    transport = MeteredTransport(raw, lambda: None)
    raw.unsent_bytes = 7
    assert transport.untaken_bytes() == 7
    here.send(b"x" * 5000)
    held = array("i", [0])
    ioctl(here.fileno(), TIOCOUTQ, held)
    assert held[0] >= 5000
    assert transport.untaken_bytes() == 7 + held[0]
    raw.unsent_bytes = 0
    assert transport.untaken_bytes() == 0  # the system has it all
    raw.unsent_bytes = 7
    there.recv(5000)
    assert transport.untaken_bytes() == 7


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it holds")
def test_what_has_arrived_is_unread(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    transport = MeteredTransport(Raw(here), lambda: None)
    assert transport.unread_bytes() == 0
    there.send(b"x" * 321)
    assert transport.unread_bytes() == 321
    here.recv(300)
    assert transport.unread_bytes() == 21


def test_a_socket_that_is_gone_holds_nothing() -> None:
    raw = Raw(Gone())
    raw.unsent_bytes = 7
    assert MeteredTransport(raw, lambda: None).untaken_bytes() == 7
