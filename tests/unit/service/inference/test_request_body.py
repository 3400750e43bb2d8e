"""A body is read to its end, up to its maximum size."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.inference.request_body import declared_bytes, read_body
from service.overload.limiter import WorkLimiter
from service.problems import Problem
from service.request_context import RequestContext, request_context

pytestmark = pytest.mark.anyio

MOST = 10
Messages = list[dict[str, Any]]


@pytest.fixture
def request_() -> Iterator[RequestContext]:
    request = RequestContext("a")
    token = request_context.set(request)
    yield request
    request_context.reset(token)


class Client:
    """A client that sends these messages and nothing else."""

    def __init__(self, messages: Messages, held_bytes: int = 100) -> None:
        self.left = messages
        self.capacity = WorkLimiter(1, 1, 1, held_bytes)

    async def receive(self) -> dict[str, Any]:
        return self.left.pop(0)

    async def body(self, *headers: tuple[bytes, bytes]) -> bytes | None:
        return await read_body({"headers": list(headers)}, self.receive, MOST, self.capacity)

    def free_bytes(self) -> int:
        """What can still be set aside."""
        for size in range(200, 0, -1):
            try:
                self.capacity.hold(size)
            except Problem:
                continue
            self.capacity.release(size)
            return size
        return 0


def pieces(*bodies: bytes) -> Messages:
    more = [{"type": "http.request", "body": each, "more_body": True} for each in bodies[:-1]]
    return [*more, {"type": "http.request", "body": bodies[-1], "more_body": False}]


GONE = {"type": "http.disconnect"}


@pytest.mark.parametrize("body", [b"", b"a", b"x" * MOST])
@pytest.mark.usefixtures("request_")
async def test_a_body_of_one_message_holds_nothing(body: bytes) -> None:
    client = Client(pieces(body))
    assert await client.body() == body
    assert client.free_bytes() == 100


@pytest.mark.usefixtures("request_")
async def test_what_a_message_does_not_say_is_nothing() -> None:
    assert await Client([{"type": "http.request"}]).body() == b""
    last = {"type": "http.request"}
    assert await Client([*pieces(b"a", b"")[:1], last]).body() == b"a"
    assert await Client([{**last, "more_body": True}, last]).body() == b""


async def test_pieces_are_joined_and_counted(request_: RequestContext) -> None:
    client = Client(pieces(b"abc", b"", b"defg", b"hij"))
    request_.held_bytes = 5  # by what came before
    assert await client.body() == b"abcdefghij"
    assert request_.held_bytes == 5 + 10
    assert client.free_bytes() == 90


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.usefixtures("request_")
async def test_a_client_that_leaves(before: int) -> None:
    client = Client([*pieces(b"abc", b"d", b"")[:before], GONE])
    assert await client.body() is None
    assert client.left == []


async def test_too_much_is_refused_as_soon_as_it_is_known(request_: RequestContext) -> None:
    why = "413: The body must have at most 10 bytes."
    client = Client(pieces(b"never requested"))
    with pytest.raises(Problem) as declared:
        await client.body((b"content-length", b"11"))
    assert str(declared.value) == why
    assert len(client.left) == 1
    with pytest.raises(Problem) as whole:
        await Client(pieces(b"x" * 11)).body()
    assert str(whole.value) == why
    assert request_.held_bytes == 0
    client = Client(pieces(b"x" * 10, b"y", b"never requested"))
    with pytest.raises(Problem) as piecewise:
        await client.body()
    assert str(piecewise.value) == why
    assert len(client.left) == 1
    assert request_.held_bytes == 11
    assert client.free_bytes() == 89


async def test_the_memory_for_bodies_may_be_full(request_: RequestContext) -> None:
    client = Client(pieces(b"abc", b"def", b""), held_bytes=5)
    with pytest.raises(Problem, match="503"):
        await client.body()
    assert request_.held_bytes == 3  # what was set aside, to be given back
    assert client.free_bytes() == 2


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
