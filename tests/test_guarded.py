"""service/guarded.py: a good request is passed on whole and once, and another one refused."""

import pytest
from raw_requests import HIDDEN, REFUSED, TAKEN
from wire import Server, detail, statuses

pytestmark = pytest.mark.anyio

HOST = b"Host: localhost\r\n"


def get(path: bytes, *headers: bytes) -> bytes:
    lines = [b"GET %b HTTP/1.1" % path, b"Host: localhost", *headers]
    return b"\r\n".join([*lines, b"", b""])


def post(path: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: localhost", *headers]
    return b"\r\n".join([*lines, b"", body])


CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("name", REFUSED)
async def test_it_is_refused_once(name: str, size: int) -> None:
    status, data = REFUSED[name]
    wire = Server().connect()
    data += HIDDEN
    answered = b""
    for start in range(0, min(len(data), 100_000 * size), size):
        wire.protocol.data_received(data[start : start + size])
    answered = await wire.answered()
    assert statuses(answered) == [status]
    assert detail(answered)
    assert b"connection: close\r\n" in answered
    assert b"date: today\r\n" in answered
    assert all(scope["path"] != "/hidden" for scope in wire.server.application.scopes)
    assert wire.is_ended()
    await wire.later(2)
    assert wire.is_closed()


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("name", TAKEN)
async def test_it_is_passed_on_once(name: str, size: int) -> None:
    _, data = TAKEN[name]
    wire = Server().connect()
    for start in range(0, len(data), size):
        wire.protocol.data_received(data[start : start + size])
    assert statuses(await wire.answered()) == [200]
    assert len(wire.server.application.scopes) == 1


async def test_a_request_is_passed_on_whole() -> None:
    wire = Server().connect()
    headers = [b"X-One: A", b"Content-Length: 3", b"x-one:B", b"X-Request-ID: me"]
    answered = await wire.send(post(b"/r%65ad?x=%31&y?z", *headers, body=b"abc"))
    head, _, body = answered.partition(b"\r\n\r\n")
    assert body == b"/read abc"
    assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 9\r\n")
    assert b"\r\nx-request-id: me" in head
