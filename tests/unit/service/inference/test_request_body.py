"""A body is read to its end, up to its maximum size."""

from typing import Any

import pytest

from service.inference.request_body import declared_bytes, read_body
from service.overload.memory import UNCHARGED_BYTES, MemoryLedger, request_lease
from service.problems import Problem

pytestmark = pytest.mark.anyio

MOST = 10
Messages = list[dict[str, Any]]


class Client:
    """A client that sends these messages and nothing else."""

    def __init__(self, messages: Messages, memory_bytes: int = 200) -> None:
        self.left = messages
        self.ledger = MemoryLedger(memory_bytes)
        self.lease = self.ledger.lease(arriving=True)

    async def receive(self) -> dict[str, Any]:
        return self.left.pop(0)

    async def body(self, *headers: tuple[bytes, bytes], most: int = MOST) -> bytes | None:
        request_lease.set(self.lease)
        return await read_body({"headers": list(headers)}, self.receive, most)


def pieces(*bodies: bytes) -> Messages:
    more = [{"type": "http.request", "body": each, "more_body": True} for each in bodies[:-1]]
    return [*more, {"type": "http.request", "body": bodies[-1], "more_body": False}]


GONE = {"type": "http.disconnect"}


@pytest.mark.parametrize("body", [b"", b"a", b"x" * MOST])
async def test_a_small_body_of_one_message_is_not_charged(body: bytes) -> None:
    client = Client(pieces(body))
    assert await client.body() == body
    assert client.lease.charged_bytes == 0


async def test_a_large_body_of_one_message_is_charged() -> None:
    body = b" " * (UNCHARGED_BYTES + 1)
    client = Client(pieces(body), memory_bytes=2 * len(body))
    assert await client.body(most=len(body)) == body
    assert client.lease.charged_bytes == len(body)
    with pytest.raises(Problem, match="413"):
        await Client(pieces(body), memory_bytes=len(body)).body(most=len(body))


async def test_what_a_message_does_not_say_is_nothing() -> None:
    assert await Client([{"type": "http.request"}]).body() == b""
    last = {"type": "http.request"}
    assert await Client([*pieces(b"a", b"")[:1], last]).body() == b"a"
    assert await Client([{**last, "more_body": True}, last]).body() == b""


async def test_pieces_are_joined_and_charged() -> None:
    client = Client(pieces(b"abc", b"", b"defg", b"hij"))
    client.lease.add(5)  # for what came before
    assert await client.body() == b"abcdefghij"
    assert client.lease.charged_bytes == 15


async def test_the_copy_that_joins_the_pieces_is_charged() -> None:
    assert await Client(pieces(b"abc", b"def"), memory_bytes=24).body() == b"abcdef"
    with pytest.raises(Problem, match="413"):
        await Client(pieces(b"abc", b"def"), memory_bytes=23).body()


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_a_client_that_leaves(before: int) -> None:
    client = Client([*pieces(b"abc", b"d", b"")[:before], GONE])
    assert await client.body() is None
    assert client.left == []


async def test_too_much_is_refused_as_soon_as_it_is_known() -> None:
    why = "413: The body must have at most 10 bytes."
    client = Client(pieces(b"never requested"))
    with pytest.raises(Problem) as declared:
        await client.body((b"content-length", b"11"))
    assert str(declared.value) == why
    assert len(client.left) == 1
    with pytest.raises(Problem) as whole:
        await Client(pieces(b"x" * 11)).body()
    assert str(whole.value) == why
    client = Client(pieces(b"x" * 10, b"y", b"never requested"))
    with pytest.raises(Problem) as piecewise:
        await client.body()
    assert str(piecewise.value) == why
    assert len(client.left) == 1


async def test_the_memory_for_requests_may_be_full() -> None:
    client = Client(pieces(b"abc", b"def", b"never requested"), memory_bytes=14)
    client.ledger.lease(arriving=True).add(2)  # of another request
    with pytest.raises(Problem, match="503"):
        await client.body()
    assert client.lease.charged_bytes == 3  # released at the end of the request
    assert len(client.left) == 1


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ([], 0),
        ([(b"host", b"12")], 0),
        ([(b"content-length", b"x")], 0),
        ([(b"host", b"a"), (b"content-length", b"0012")], 12),
    ],
)
async def test_what_a_head_declares(headers: list[tuple[bytes, bytes]], size: int) -> None:
    assert declared_bytes({"headers": headers}) == size
