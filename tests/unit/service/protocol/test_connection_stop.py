"""What a connection does while the service stops, and when it must end."""

import pytest
from support.fake_connection import GET, HEAD, WAIT, Server, Wire, detail, statuses

from service.lifecycle import Phase

pytestmark = pytest.mark.anyio

HALVES = b"GET /halves" + HEAD + b"\r\n"
STOPPING = "The service is stopping."


@pytest.fixture
async def wire() -> Wire:
    return Server().connect()


def drain(wire: Wire) -> None:
    wire.server.context.lifecycle.advance_to(Phase.DRAINING)
    wire.protocol.drain()


async def test_the_answer_that_is_due_closes(wire: Wire) -> None:
    await wire.send(WAIT)
    drain(wire)
    assert not wire.is_ended()
    wire.server.application.go.set()
    answered = await wire.answered()
    assert statuses(answered) == [200]
    assert b"connection: close\r\n" in answered
    assert wire.is_ended()  # and lingers for what its client may just be sending
    assert not wire.is_closed()


async def test_so_does_the_next_of_one_that_is_idle(wire: Wire) -> None:
    await wire.send(GET)
    drain(wire)
    assert not wire.is_ended()
    answered = await wire.send(GET)
    assert (statuses(answered), wire.is_ended()) == ([200], True)
    assert b"connection: close\r\n" in answered


async def test_only_the_last_of_a_pipeline_closes(wire: Wire) -> None:
    await wire.send(WAIT)
    drain(wire)
    await wire.send(GET + GET)
    wire.server.application.go.set()
    answered = await wire.answered()
    assert statuses(answered) == [200, 200, 200]
    assert answered.count(b"connection: close") == 1
    assert answered.rindex(b"HTTP/1.1") < answered.index(b"connection: close")


async def test_a_pipeline_whose_last_wanted_to_close(wire: Wire) -> None:
    await wire.send(b"GET /wait" + HEAD + b"Connection: close\r\n\r\n")
    drain(wire)
    await wire.send(GET)
    wire.server.application.go.set()
    assert statuses(await wire.answered()) == [200]  # as it would have been without a stop


async def test_what_is_not_answered_at_the_end_is_refused(wire: Wire) -> None:
    await wire.send(b"GET /v2/models/never" + HEAD + b"\r\n" + GET)
    wire.protocol.give_up()
    answered = await wire.answered()
    assert statuses(answered) == [503]
    assert b'{"error":"' + STOPPING.encode() in answered  # in the words of its path
    assert b"retry-after: 1\r\n" in answered
    assert wire.server.application.left == ["/v2/models/never"]
    assert wire.is_ended()
    assert await wire.send(GET) == b""


async def test_so_is_what_has_not_arrived(wire: Wire) -> None:
    await wire.send(b"POST /read" + HEAD + b"Content-Length: 9\r\n\r\n1234")
    wire.protocol.give_up()
    answered = await wire.answered()
    assert (statuses(answered), detail(answered)) == ([503], STOPPING)
    half = Server().connect()
    await half.send(b"GET /a HTTP/1.1\r\nHo")
    half.protocol.give_up()
    answered = await half.answered()
    assert (statuses(answered), detail(answered)) == ([503], STOPPING)


async def test_an_answer_that_has_begun_is_cut_off(wire: Wire) -> None:
    assert statuses(await wire.send(HALVES)) == [200]
    wire.protocol.give_up()
    assert wire.is_aborted()


async def test_what_waits_for_nothing_is_closed(wire: Wire) -> None:
    wire.protocol.give_up()
    assert wire.is_closed()
    assert not wire.is_aborted()
    idle = Server().connect()
    await idle.send(GET)
    idle.protocol.give_up()
    assert (idle.is_closed(), idle.is_aborted()) == (True, False)


async def test_what_lingers_is_closed(wire: Wire) -> None:
    assert statuses(await wire.send(b"a\r\n\r\n")) == [400]
    assert not wire.is_closed()
    wire.protocol.give_up()
    assert (wire.is_closed(), wire.is_aborted()) == (True, False)


async def test_what_has_come_is_read_before_it_is_closed(
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
