"""service/protocol/connection.py: draining, shutdown and abort of a connection."""

import pytest
from support.fake_connection import GET, HEAD, WAIT, Server, Wire, detail, statuses

from service.lifecycle import Phase

pytestmark = pytest.mark.anyio

HALVES = b"GET /halves" + HEAD + b"\r\n"
SHUTTING_DOWN = "The service is shutting down."


@pytest.fixture
async def wire() -> Wire:
    return Server().connect()


def drain(wire: Wire) -> None:
    wire.server.context.lifecycle.advance_to(Phase.DRAINING)
    wire.protocol.drain()


async def test_the_response_that_is_due_closes_the_connection(wire: Wire) -> None:
    await wire.send(WAIT)
    drain(wire)
    assert not wire.is_ended()
    wire.server.application.go.set()
    answered = await wire.answered()
    assert statuses(answered) == [200]
    assert b"connection: close\r\n" in answered
    assert wire.is_ended()  # and lingers for a request that is on the way
    assert not wire.is_closed()


async def test_the_next_response_of_an_idle_connection_closes_it(wire: Wire) -> None:
    await wire.send(GET)
    drain(wire)
    assert not wire.is_ended()
    answered = await wire.send(GET)
    assert (statuses(answered), wire.is_ended()) == ([200], True)
    assert b"connection: close\r\n" in answered


async def test_only_the_last_response_of_a_pipeline_closes_the_connection(wire: Wire) -> None:
    await wire.send(WAIT)
    drain(wire)
    await wire.send(GET + GET)
    wire.server.application.go.set()
    answered = await wire.answered()
    assert statuses(answered) == [200, 200, 200]
    assert answered.count(b"connection: close") == 1
    assert answered.rindex(b"HTTP/1.1") < answered.index(b"connection: close")


async def test_a_request_with_connection_close_ends_its_pipeline(wire: Wire) -> None:
    await wire.send(b"GET /wait" + HEAD + b"Connection: close\r\n\r\n")
    drain(wire)
    await wire.send(GET)
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]  # as without a shutdown


async def test_abort_rejects_an_unanswered_request(wire: Wire) -> None:
    await wire.send(b"GET /v2/models/never" + HEAD + b"\r\n" + GET)
    wire.protocol.abort()
    answered = await wire.answered()
    assert statuses(answered) == [503]
    assert b'{"error":"' + SHUTTING_DOWN.encode() in answered  # the error format of its path
    assert b"retry-after: 1\r\n" in answered
    assert wire.server.application.left == ["/v2/models/never"]
    assert wire.is_ended()
    assert await wire.send(GET) == b""


async def test_abort_rejects_an_incomplete_request(wire: Wire) -> None:
    await wire.send(b"POST /read" + HEAD + b"Content-Length: 9\r\n\r\n1234")
    wire.protocol.abort()
    answered = await wire.answered()
    assert (statuses(answered), detail(answered)) == ([503], SHUTTING_DOWN)
    half = Server().connect()
    await half.send(b"GET /a HTTP/1.1\r\nHo")
    half.protocol.abort()
    answered = await half.answered()
    assert (statuses(answered), detail(answered)) == ([503], SHUTTING_DOWN)


async def test_abort_cuts_off_a_started_response(wire: Wire) -> None:
    assert statuses(await wire.send(HALVES)) == [200]
    wire.protocol.abort()
    assert wire.is_aborted()


async def test_abort_closes_an_idle_connection(wire: Wire) -> None:
    wire.protocol.abort()
    assert wire.is_closed()
    assert not wire.is_aborted()
    idle = Server().connect()
    await idle.send(GET)
    idle.protocol.abort()
    assert (idle.is_closed(), idle.is_aborted()) == (True, False)


async def test_abort_closes_a_lingering_connection(wire: Wire) -> None:
    assert statuses(await wire.send(b"a\r\n\r\n")) == [400]
    assert not wire.is_closed()
    wire.protocol.abort()
    assert (wire.is_closed(), wire.is_aborted()) == (True, False)


async def test_received_bytes_are_read_before_an_idle_connection_closes(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wire.send(GET)
    wire.protocol.shutdown()
    unread = [3]
    monkeypatch.setattr(wire.protocol.transport, "unread_bytes", lambda: unread[0])
    await wire.later(5)
    assert not wire.is_closed()
    unread[0] = 0
    await wire.later(1)
    assert wire.is_closed()
