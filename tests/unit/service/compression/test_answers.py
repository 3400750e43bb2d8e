"""service/compression/answers.py: which answers are compressed, and how they are sent."""

import asyncio
import gzip
import json
import random
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from support.fake_connection import Server

from model.prediction.predictor import Predictor
from service.app import create_app
from service.compression import accept_encoding, answers
from service.compression.accept_encoding import AcceptedCoding
from service.compression.answers import HELD_BYTES, INLINE_BYTES, MIN_BYTES, EncodedAnswer
from service.compression.codings import zstd_module
from service.compression.encoder import STEP_BYTES
from service.overload import limiter
from service.overload.limiter import WorkLimiter
from service.overload.memory import MemoryLedger, request_lease
from service.overload.threads import run_in_thread
from service.problems import Problem
from service.settings import Settings

pytestmark = pytest.mark.anyio

ROW: Final = [5, 1, 1, 1, 2, 1, 3, 1, 1]
GZIP: Final = AcceptedCoding("gzip")
DECODE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.decompress,
    **({"zstd": zstd_module().decompress} if zstd_module() else {}),
}


class Client:
    """An answer of an application, as it is sent."""

    def __init__(self, accepted: AcceptedCoding, memory_bytes: int = 1 << 30) -> None:
        self.messages: list[MutableMapping[str, Any]] = []
        self.ledger = MemoryLedger(memory_bytes)
        request_lease.set(self.ledger.lease(arriving=True))
        self.answer = EncodedAnswer(self._send, accepted, WorkLimiter(1, 1, 0.01), in_chunks=True)

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)

    async def send(self, parts: list[bytes], *headers: tuple[bytes, bytes]) -> None:
        """Answer with a JSON document in parts."""
        size = (b"content-length", b"%d" % sum(map(len, parts)))
        given = [(b"content-type", b"application/json"), size, *headers]
        await self.answer.send({"type": "http.response.start", "status": 200, "headers": given})
        for place, part in enumerate(parts, 1):
            more = place < len(parts)
            await self.answer.send({"type": "http.response.body", "body": part, "more_body": more})
        self.answer.close()

    @property
    def headers(self) -> dict[bytes, bytes]:
        assert [each["type"] for each in self.messages].index("http.response.start") == 0
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        assert [each.get("more_body", False) for each in self.messages[1:]][-1] is False
        return b"".join(each["body"] for each in self.messages[1:])


@pytest.mark.parametrize("coding", DECODE)
@given(st.data())
def test_any_answer_in_any_parts(coding: str, data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([MIN_BYTES, INLINE_BYTES, INLINE_BYTES + 1, 3 * STEP_BYTES]))
    content = data.draw(st.sampled_from([bytes(size), random.Random(size).randbytes(size)]))
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
    client = Client(AcceptedCoding(coding))
    asyncio.run(client.send(parts))
    assert DECODE[coding](client.body) == content
    assert client.headers[b"content-encoding"] == coding.encode()
    assert client.headers[b"vary"] == b"Accept-Encoding"
    whole = size <= INLINE_BYTES
    assert client.headers.get(b"content-length") == (b"%d" % len(client.body) if whole else None)
    assert client.ledger.charged_bytes == 0


@pytest.mark.parametrize(
    ("size", "headers", "accepted", "varies"),
    [
        (MIN_BYTES - 1, [], GZIP, False),
        (MIN_BYTES, [], AcceptedCoding(None), True),
        (MIN_BYTES, [(b"content-encoding", b"br")], GZIP, False),
        (10 * INLINE_BYTES, [], AcceptedCoding(None), True),
    ],
)
async def test_what_is_sent_as_it_is(
    size: int, headers: list[tuple[bytes, bytes]], accepted: AcceptedCoding, varies: bool
) -> None:
    for parts in ([b"x" * size], [b"x" * (size // 2), b"x" * (size - size // 2)]):
        client = Client(accepted)
        await client.send(parts, *headers)
        assert client.body == b"x" * size
        assert client.headers[b"content-length"] == b"%d" % size
        assert (b"vary" in client.headers) == varies
        assert dict(headers).items() <= client.headers.items()


async def test_a_client_that_excludes_what_is_not_compressed() -> None:
    for parts in ([b"x"], [b"x" * 100_000]):
        client = Client(AcceptedCoding("gzip", required=True))
        await client.send(parts, (b"content-type", b"application/octet-stream"))
        assert gzip.decompress(client.body) == b"".join(parts)


async def test_vary_is_added_to_what_varies_already() -> None:
    client = Client(GZIP)
    await client.send([b"x" * MIN_BYTES], (b"vary", b"Accept"))
    assert client.headers[b"vary"] == b"Accept, Accept-Encoding"


async def test_parts_are_compressed_together_and_sent_as_soon_as_they_can_be() -> None:
    client = Client(GZIP)
    generator = random.Random(0)
    await client.send([generator.randbytes(1000) for _ in range(1000)])
    sizes = [len(each["body"]) for each in client.messages[1:-1]]
    assert len(sizes) == 1_000_000 // HELD_BYTES
    assert min(sizes) > 0


async def test_without_memory_an_answer_is_sent_as_it_is() -> None:
    client = Client(GZIP, memory_bytes=100_000)
    await client.send([b"x" * 200_000, b"y" * 100_000])
    assert client.body == b"x" * 200_000 + b"y" * 100_000
    assert b"content-encoding" not in client.headers
    assert client.headers[b"content-length"] == b"300000"


async def test_without_a_thread_an_answer_is_sent_as_it_is() -> None:
    client = Client(GZIP)
    client.answer._limiter._free = 0
    await client.send([b"x" * 200_000])
    assert client.body == b"x" * 200_000
    assert client.headers[b"vary"] == b"Accept-Encoding"
    assert b"content-encoding" not in client.headers


async def test_a_thread_that_is_lacking_later_ends_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, steps = Client(GZIP), iter([True])

    async def once(*arguments: Any) -> Any:
        if not next(steps, False):
            raise Problem(503)
        return await run_in_thread(*arguments)

    monkeypatch.setattr(limiter, "run_in_thread", once)
    with pytest.raises(Problem, match="503"):
        await client.send([random.Random(0).randbytes(3 * STEP_BYTES)])
    assert client.messages[-1].get("more_body")


async def test_an_old_client_gets_a_size(app: FastAPI) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/openapi.json", "query_string": b""}
    headers = [(b"accept-encoding", b"gzip")]
    for version, compressed in (("1.1", True), ("1.0", False)):
        sent.clear()
        await app({**scope, "headers": headers, "http_version": version}, receive, send)
        found = dict(sent[0]["headers"])
        assert (b"content-encoding" in found, b"content-length" in found) == (
            compressed,
            not compressed,
        )


ROUTES: Final = ["/openapi.json", "/metrics", "/model", "/model/card"]


@pytest.mark.parametrize("coding", DECODE)
async def test_get_routes(client: httpx.AsyncClient, coding: str) -> None:
    for path in ROUTES:
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
        answer = await client.get(path, headers={"Accept-Encoding": coding})
        assert "content-encoding" not in plain.headers
        assert answer.headers["content-encoding"] == coding
        assert "Accept-Encoding" in plain.headers["vary"] == answer.headers["vary"]
        assert answer.num_bytes_downloaded < plain.num_bytes_downloaded / 2
        head = await client.head(path, headers={"Accept-Encoding": coding})
        for name in ("content-encoding", "vary", "content-length"):
            assert head.headers.get(name) == answer.headers.get(name)


async def test_a_prediction_is_not_compressed(client: httpx.AsyncClient) -> None:
    for rows, compressed in ((1, False), (100, True), (2000, True)):
        body = {"instances": [ROW] * rows}
        for accept in ("application/json", "text/csv", "application/x-ndjson"):
            headers = {"Accept-Encoding": "gzip", "Accept": accept}
            answer = await client.post("/predict", json=body, headers=headers)
            assert answer.status_code == 200
            assert ("content-encoding" in answer.headers) == compressed


async def test_excluding_everything_is_406(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"Accept-Encoding": "identity;q=0"})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.fixture
def asgi_calls(predictor: Predictor) -> tuple[Server, list[int]]:
    """A server, and a call of its application for each request that takes the slow way."""
    accept_encoding._parse.cache_clear()
    server = Server(service=create_app(Settings(), predictor))
    app, calls = server.config.loaded_app, []

    async def counted(*arguments: Any) -> None:
        calls.append(1)
        await app(*arguments)

    server.config.loaded_app = counted
    return server, calls


async def test_clients_that_accept_a_coding_keep_the_fast_path(
    asgi_calls: tuple[Server, list[int]],
) -> None:
    server, calls = asgi_calls
    wire = server.connect()
    for rows in (1, 50):
        body = json.dumps({"instances": [ROW] * rows}).encode()
        head = b"POST /predict HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, deflate, br\r\n"
        data = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        for _ in range(2):
            answered = await wire.send(data)
            found, _, content = answered.partition(b"\r\n\r\n")
            assert (b"content-encoding: gzip" in found) == (rows > 1)
            decoded = gzip.decompress(content) if rows > 1 else content
            assert len(json.loads(decoded)["predictions"]) == rows
    assert not calls


def test_text_types_cover_the_formats() -> None:
    assert all(
        any(each in media_type for each in answers.TEXTS)
        for media_type in ("text/csv", "application/problem+json", "application/x-ndjson")
    )
