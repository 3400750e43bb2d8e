"""service/protocol/http_protocol.py: deadlines; only time in which the client is awaited counts."""

import logging
import socket
import struct

import pytest
from support.fake_connection import GET, HEAD, WAIT, Server, Wire, detail, statuses

from service.lifecycle import GRACE_SECONDS
from service.protocol.http_protocol import CLOSE_IDLE_SECONDS, LINGER_SECONDS, STALLED_SHARE
from service.protocol.timeouts import BYTES_PER_SECOND, TICK_SECONDS

pytestmark = pytest.mark.anyio

LATE = "The request did not arrive in time."
SHUTTING_DOWN = "The service is shutting down."
TICK = TICK_SECONDS


def body(path: bytes, size: int) -> bytes:
    return b"POST " + path + HEAD + b"Content-Length: %d\r\n\r\n" % size


@pytest.fixture
async def wire() -> Wire:
    server = Server(receive_timeout_seconds=3, send_timeout_seconds=4, keep_alive_seconds=5)
    return server.connect()


async def ends_after(wire: Wire, seconds: float) -> bytes:
    """Assert that the connection ends then, not a tick before; return what it sends."""
    assert await wire.later(seconds) == b""
    assert not wire.is_closed()
    assert not wire.is_ended()
    answered = await wire.later(2 * TICK)
    assert wire.is_closed() or wire.is_ended()
    return answered


# Reading a request


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"\r\n\r\n"])
async def test_a_silent_connection_is_closed_without_a_response(wire: Wire, sent: bytes) -> None:
    if sent:
        await wire.send(sent)
    assert await ends_after(wire, 3) == b""
    assert wire.is_closed()


@pytest.mark.parametrize("sent", [b"G", b"GET /a" + HEAD, body(b"/read", 9), body(b"/never", 9)])
async def test_an_incomplete_request_is_answered_with_408(wire: Wire, sent: bytes) -> None:
    await wire.send(sent)
    answered = await ends_after(wire, 3)
    assert statuses(answered) == [408]
    assert detail(answered) == LATE


async def test_idle_time_does_not_count_for_the_next_request(wire: Wire) -> None:
    await wire.send(GET)
    await wire.later(2)
    await wire.send(b"G")
    assert statuses(await ends_after(wire, 3)) == [408]


async def test_single_bytes_do_not_extend_the_deadline(wire: Wire) -> None:
    await wire.send(b"GET /")
    for _ in range(3):
        assert await wire.later(1) == b""
        assert await wire.send(b"a") == b""
    assert statuses(await wire.later(2 * TICK)) == [408]


async def test_received_bytes_extend_the_deadline(wire: Wire) -> None:
    await wire.send(body(b"/read", 9 * BYTES_PER_SECOND))
    await wire.send(b"x" * 2 * BYTES_PER_SECOND)
    assert statuses(await ends_after(wire, 5)) == [408]


async def test_head_and_body_share_one_deadline(wire: Wire) -> None:
    await wire.send(b"POST /read" + HEAD)
    await wire.later(2)
    await wire.send(b"Content-Length: 5\r\n\r\n")
    assert statuses(await ends_after(wire, 1)) == [408]


async def test_time_with_paused_reading_does_not_count(wire: Wire) -> None:
    await wire.send(body(b"/wait", 10**6) + b"x" * 70_000)
    assert wire.is_paused()
    assert await wire.later(100) == b""
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]


async def test_time_of_the_application_does_not_count(wire: Wire) -> None:
    await wire.send(WAIT)
    assert await wire.later(100) == b""
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]


async def test_an_incomplete_request_in_a_pipeline(wire: Wire) -> None:
    await wire.send(WAIT + b"GET /b")
    assert await wire.later(100) == b""  # reading is paused only once a second request is complete
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200, 408]


async def test_empty_lines_in_a_pipeline(wire: Wire) -> None:
    await wire.send(WAIT)
    await wire.send(b"\r\n")
    assert await wire.later(100) == b""
    assert not wire.is_closed()
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]
    assert await ends_after(wire, 5) == b""  # the connection is idle: they are no request


# Between requests


async def test_an_idle_connection_is_closed(wire: Wire) -> None:
    for _ in range(2):
        assert statuses(await wire.send(GET)) == [200]
        assert await wire.later(4) == b""
    assert statuses(await wire.send(GET)) == [200]
    assert await ends_after(wire, 5) == b""
    assert wire.is_closed()


async def test_a_connection_is_not_idle_while_its_response_is_read(wire: Wire) -> None:
    await wire.send(GET)
    for number in range(20):
        wire.raw.unsent_bytes = 2_000_000 - number  # the client reads slowly
        wire.protocol.transport.written_bytes += 64 * 1024
        assert await wire.later(1) == b""
    assert not wire.is_closed()
    wire.raw.unsent_bytes = 0
    await ends_after(wire, 5)


async def test_a_connection_lingers_for_the_rest_of_an_answered_body(wire: Wire) -> None:
    assert statuses(await wire.send(body(b"/a", 100))) == [200]
    assert await ends_after(wire, LINGER_SECONDS) == b""
    assert wire.is_closed()
    assert not wire.is_ended()


async def test_the_idle_time_starts_after_the_rest_of_an_answered_body(wire: Wire) -> None:
    assert statuses(await wire.send(body(b"/a", 100))) == [200]
    await wire.later(LINGER_SECONDS)
    await wire.send(b"x" * 100)
    await ends_after(wire, 5)


async def test_a_connection_lingers_after_a_rejection(wire: Wire) -> None:
    assert statuses(await wire.send(b"a\r\n\r\n")) == [400]
    await wire.later(LINGER_SECONDS)
    assert not wire.is_closed()
    await wire.later(2 * TICK)
    assert wire.is_closed()


async def test_lingering_starts_after_the_rejection_is_acknowledged(wire: Wire) -> None:
    wire.raw.unsent_bytes = 10
    assert statuses(await wire.send(b"a\r\n\r\n")) == [400]
    await wire.later(LINGER_SECONDS + 1)
    assert not wire.is_closed()
    wire.raw.unsent_bytes = 0
    await wire.later(LINGER_SECONDS)
    assert not wire.is_closed()
    await wire.later(2 * TICK)
    assert wire.is_closed()


# Sending a response


async def test_a_client_that_does_not_read_is_reset(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    await wire.send(GET)
    await wire.later(2)
    wire.raw.unsent_bytes = 100
    await wire.later(4 + TICK)  # the first tick notices it, and the time counts from there
    assert not wire.is_aborted()
    with caplog.at_level(logging.DEBUG, "service.protocol.http_protocol"):
        await wire.later(2 * TICK)
    assert wire.is_aborted()
    assert "send_timeout" in caplog.messages
    # The kernel drops the unsent bytes.
    reset = struct.pack("ii", 1, 0)
    assert wire.raw.socket.options == [(socket.SOL_SOCKET, socket.SO_LINGER, reset)]


async def test_acknowledged_bytes_extend_the_deadline(wire: Wire) -> None:
    await wire.send(GET)
    transport = wire.protocol.transport
    wire.raw.unsent_bytes = size = 10 * BYTES_PER_SECOND
    transport.written_bytes += size
    await wire.later(TICK)
    wire.raw.unsent_bytes -= 3 * BYTES_PER_SECOND
    await wire.later(7)
    assert not wire.is_aborted()
    await wire.later(2 * TICK)
    assert wire.is_aborted()


async def test_each_response_has_its_own_deadline(wire: Wire) -> None:
    for _ in range(4):
        await wire.send(GET)
        wire.raw.unsent_bytes = 100
        await wire.later(3)
        wire.raw.unsent_bytes = 0
        await wire.later(TICK)
    assert not wire.is_aborted()


async def test_a_closing_connection_has_only_the_send_deadline(wire: Wire) -> None:
    wire.raw.closed = True
    await wire.send(b"GET /")
    assert await wire.later(100) == b""
    wire.raw.unsent_bytes = 1
    await wire.later(10)
    assert wire.is_aborted()  # its response must still be read


# Shutdown


async def test_shutdown_closes_an_idle_connection_soon(wire: Wire) -> None:
    await wire.send(GET)
    wire.protocol.shutdown()
    assert await ends_after(wire, CLOSE_IDLE_SECONDS) == b""
    assert wire.is_closed()


async def test_an_incomplete_request_has_a_share_of_the_grace_period() -> None:
    for path, expected in ((b"/read", [503]), (b"/halves", [])):
        wire = Server().connect()
        await wire.send(body(path, 9))
        wire.protocol.shutdown()
        assert await wire.later(STALLED_SHARE * GRACE_SECONDS) == b""
        answered = await wire.later(2 * TICK)
        assert statuses(answered) == expected
        if expected:
            assert detail(answered) == SHUTTING_DOWN
            assert b"retry-after: 1\r\n" in answered


async def test_an_unread_rejection_has_the_same_share() -> None:
    wire = Server().connect()
    wire.raw.unsent_bytes = 10
    assert statuses(await wire.send(b"a\r\n\r\n")) == [400]
    wire.protocol.shutdown()
    assert await wire.later(STALLED_SHARE * GRACE_SECONDS) == b""
    assert not wire.is_aborted()
    assert await wire.later(2 * TICK) == b""
    assert wire.is_aborted()
