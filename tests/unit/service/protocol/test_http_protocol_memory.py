"""service/protocol/: unread bytes of a connection are charged, answers are sent in pieces."""

import pytest
from support.fake_connection import HEAD, Server, Wire, detail, statuses

from service.overload.memory import UNCHARGED_BYTES
from service.protocol.http_protocol import QUEUED

pytestmark = pytest.mark.anyio

KIB = 1024


def post(path: bytes, body: bytes) -> bytes:
    return b"POST %b%bContent-Length: %d\r\n\r\n%b" % (path, HEAD, len(body), body)


async def test_a_large_body_is_charged_until_it_is_read_or_answered() -> None:
    server = Server()
    wire = server.connect()
    whole = post(b"/wait", bytes(40 * KIB))
    await wire.send(whole[: 10 * KIB])
    assert server.memory.charged_bytes == 0  # small
    await wire.send(whole[10 * KIB :])
    assert server.memory.charged_bytes == 40 * KIB
    server.application.go.set()
    assert statuses(await wire.answered()) == [200]
    assert server.memory.charged_bytes == 0
    await wire.send(post(b"/read", bytes(40 * KIB)))
    assert server.memory.charged_bytes == 0


async def test_bodies_of_a_pipeline_are_charged_together() -> None:
    server = Server()
    wire = server.connect()
    await wire.send(post(b"/wait", bytes(10 * KIB)) * 3)
    assert server.memory.charged_bytes == 30 * KIB
    server.application.go.set()
    assert statuses(await wire.answered()) == [200] * 3
    assert server.memory.charged_bytes == 0


@pytest.mark.parametrize("path", [b"/wait", b"/never", b"/read"])
@pytest.mark.parametrize("size", [40 * KIB, 60 * KIB])
async def test_a_disconnect_releases_unread_bytes(path: bytes, size: int) -> None:
    server = Server()
    wire = server.connect()
    await wire.send(post(path, bytes(60 * KIB))[:size])
    await wire.lose()
    server.application.go.set()
    await wire.answered()
    assert server.memory.charged_bytes == 0


async def test_without_room_for_its_body_a_request_is_rejected() -> None:
    server = Server(memory_bytes=120 * KIB)
    first, second = server.connect(), server.connect()
    await first.send(post(b"/wait", bytes(40 * KIB)))
    answered = await second.send(post(b"/never", bytes(60 * KIB)))
    assert statuses(answered) == [503]
    assert detail(answered) == "The memory for requests is filled by other requests."
    assert b"\r\nretry-after: 1\r\n" in answered
    assert server.memory.charged_bytes <= 60 * KIB
    for wire in (first, second):
        await wire.lose()
    assert server.memory.charged_bytes == 0


async def test_input_that_waits_unparsed_is_charged() -> None:
    server = Server(memory_bytes=120 * KIB)
    lane = server.context.admission.predictions
    lane.overloaded = True
    first, second, third = (server.connect() for _ in range(3))
    whole = post(b"/read", bytes(40 * KIB))
    assert await first.send(whole) == b""
    assert server.memory.charged_bytes == len(whole)
    assert await second.send(whole[: 10 * KIB]) == b""
    assert second.protocol.state is QUEUED
    assert await second.send(whole[10 * KIB :]) == b""
    assert second.is_aborted()  # no room for the rest
    await third.send(whole)  # no room either: it is parsed, and waits to be rejected
    assert server.memory.charged_bytes <= 60 * KIB
    for _, decide in lane.queue:
        decide(False)
    assert statuses(await first.answered()) == statuses(await third.answered()) == [503]
    for wire in (first, second, third):
        await wire.lose()
    assert server.memory.charged_bytes == 0


class PausedAfterEveryWrite:
    """A client that is always slower than the service."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.sizes = wire, list[int]()
        self.write, wire.raw.write = wire.raw.write, self.record  # type: ignore[method-assign]

    def record(self, data: bytes) -> None:
        self.write(data)
        self.sizes.append(len(data))
        self.wire.protocol.pause_writing()


@pytest.mark.parametrize("size", [UNCHARGED_BYTES, UNCHARGED_BYTES + 1, 100_000])
async def test_an_answer_is_written_as_fast_as_the_client_reads(size: int) -> None:
    wire = Server().connect()
    client = PausedAfterEveryWrite(wire)
    path = b"/read "  # precedes the body in the answer
    answered = await wire.send(post(b"/read", b"x" * (size - len(path))))
    for writes in range(1, 100):
        assert len(client.sizes) == writes
        if len(answered.partition(b"\r\n\r\n")[2]) == size:
            break
        wire.protocol.resume_writing()
        answered += await wire.answered()
    assert answered.endswith(b"\r\n\r\n" + path + b"x" * (size - len(path)))
    head = len(answered.partition(b"\r\n\r\n")[0]) + 4
    assert max(client.sizes[0] - head, *client.sizes) <= UNCHARGED_BYTES + head
    assert client.sizes[0] > head  # the first part is written with the head
    assert not wire.is_closed()


async def test_nothing_is_written_to_a_client_that_has_disconnected() -> None:
    server = Server()
    wire = server.connect()
    client = PausedAfterEveryWrite(wire)
    await wire.send(post(b"/read", bytes(100_000)))
    wire.protocol.resume_writing()
    await wire.answered()
    await wire.lose()
    assert len(client.sizes) == 2
    assert server.memory.charged_bytes == 0
