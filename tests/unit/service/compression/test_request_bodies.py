"""service/compression/request_bodies.py: every route reads compressed bodies as it reads others."""

import asyncio
import gzip
import json
import random
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.compressed import FORMATS

from model.prediction.predictor import Predictor
from service.app import create_app
from service.compression.request_bodies import (
    COLLECTED_BYTES,
    INLINE_BYTES,
    INLINE_INPUT_BYTES,
    STEP_BYTES,
    DecodedBody,
)
from service.overload import limiter
from service.overload.limiter import WorkLimiter
from service.overload.memory import MemoryLedger, request_lease
from service.overload.threads import run_in_thread
from service.problems import Problem
from service.settings import Settings

pytestmark = pytest.mark.anyio

ROW: Final = [5, 1, 1, 1, 2, 1, 3, 1, 1]
SIZES: Final = {"small": 2, "large": 6000}


def requests(predictor: Predictor, rows: int) -> dict[str, tuple[str, str, bytes]]:
    """Return a path, a media type and a body for each format."""
    names = predictor.schema.names
    instances = [ROW] * rows
    tensor = {"name": "input", "shape": [rows, 9], "datatype": "INT64", "data": instances}
    bodies: dict[str, tuple[str, str, Any]] = {
        "JSON": ("/predict", "application/json", {"instances": instances}),
        "records": ("/invocations", "application/json", {"inputs": instances}),
        "tensors": (f"/v2/models/{predictor.name}/infer", "", {"inputs": [tensor]}),
        "index": ("/v2/repository/index", "", {"ready": True}),
    }
    lines = {
        "text/csv": ",".join(names) + "\n" + "5,1,1,1,2,1,3,1,1\n" * rows,
        "application/x-ndjson": f"{ROW}\n" * rows,
    }
    texts = {name: (path, kind, json.dumps(body)) for name, (path, kind, body) in bodies.items()}
    for path in ("/predict", "/invocations"):
        texts |= {f"{kind} {path}": (path, kind, text) for kind, text in lines.items()}
    return {name: (path, kind, text.encode()) for name, (path, kind, text) in texts.items()}


async def parts(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", SIZES)
async def test_a_compressed_body_has_the_answer_of_its_content(
    client: httpx.AsyncClient, predictor: Predictor, form: str, size: str
) -> None:
    coding, compress = FORMATS[form]
    for path, media_type, body in requests(predictor, SIZES[size]).values():
        headers = {"Content-Type": media_type} if media_type else {}
        plain = await client.post(path, content=body, headers=headers)
        assert plain.status_code == 200
        headers["Content-Encoding"] = coding
        compressed = compress(body)
        for content in (compressed, parts(compressed, max(1, len(compressed) // 7))):
            answer = await client.post(path, content=content, headers=headers)
            assert (answer.status_code, answer.content) == (200, plain.content)


async def test_errors_are_those_of_the_content(client: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b'{"instances": [[50, 1, 1, 1, 2, 1, 3, 1, 1]]}'):
        identity = {"X-Request-ID": "a"}
        plain = await client.post("/predict", content=body, headers=identity)
        headers = {**identity, "Content-Encoding": "gzip"}
        answer = await client.post("/predict", content=gzip.compress(body), headers=headers)
        assert plain.status_code >= 400
        assert (answer.status_code, answer.text) == (plain.status_code, plain.text)


@pytest.mark.parametrize("path", ["/predict", "/invocations", "/v2/repository/index"])
async def test_a_body_that_is_not_compressed_as_declared(
    client: httpx.AsyncClient, path: str
) -> None:
    whole = gzip.compress(b"{}")
    for body in (b"", b"{}", whole[:-1], whole + b"x"):
        answer = await client.post(path, content=body, headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 400
    answer = await client.post(path, content=b"{}", headers={"Content-Encoding": "br"})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"].startswith("gzip, deflate")


@pytest.mark.parametrize("media_type", ["application/json", "text/csv", "application/x-ndjson"])
async def test_limits_are_those_of_the_content(predictor: Predictor, media_type: str) -> None:
    app = create_app(Settings(max_body_bytes=10_000, max_stream_bytes=10_000), predictor)
    transport = httpx.ASGITransport(app=app)
    bomb = gzip.compress(b"\n" * 9_000_000)
    assert len(bomb) < 10_000
    headers = {"Content-Encoding": "gzip", "Content-Type": media_type}
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/predict", content=bomb, headers=headers)
    assert answer.status_code == 413
    assert "at most 10000 bytes" in answer.text


async def test_a_get_request_needs_no_coding(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"Content-Encoding": "br"})
    assert answer.status_code == 200


GONE: Final[dict[str, Any]] = {"type": "http.disconnect"}


class Upload:
    """A compressed body that is received without an application."""

    def __init__(self, coding: str, messages: list[dict[str, Any]], memory_bytes: int) -> None:
        self.messages = messages
        self.ledger = MemoryLedger(memory_bytes)
        request_lease.set(self.ledger.lease(arriving=True))
        self.body = DecodedBody(coding, self._receive, WorkLimiter(1, 1, 60))

    async def _receive(self) -> dict[str, Any]:
        return self.messages.pop(0)

    async def content(self) -> bytes:
        content, more = b"", True
        with self.body as body:
            while more:
                message = await body.receive()
                content += message["body"]
                more = message["more_body"]
            assert self.ledger.charged_bytes == 0
            assert await body.receive() == GONE
        return content


def messages(body: bytes, cuts: list[int]) -> list[dict[str, Any]]:
    starts, ends = [0, *sorted(cuts)], [*sorted(cuts), len(body)]
    found = [
        {"type": "http.request", "body": body[start:end], "more_body": True}
        for start, end in zip(starts, ends, strict=True)
    ]
    found[-1]["more_body"] = False
    return [*found, GONE]


@hypothesis_settings(max_examples=50)
@given(st.data())
def test_any_content_arrives_in_any_parts(data: st.DataObject) -> None:
    coding, compress = FORMATS[data.draw(st.sampled_from(sorted(FORMATS)))]
    size = data.draw(st.sampled_from([0, 100, INLINE_BYTES, INLINE_BYTES + 1, 3 * COLLECTED_BYTES]))
    random_bytes = random.Random(size).randbytes(size)
    content = data.draw(st.sampled_from([bytes(size), random_bytes]))
    body = compress(content)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=5))
    received = asyncio.run(Upload(coding, messages(body, cuts), 1 << 30).content())
    assert received == content


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of steps that have run in a thread."""
    steps: list[int] = []

    async def counted(work: Callable[..., Any], *args: Any) -> Any:
        steps.append(1)
        return await run_in_thread(work, *args)

    monkeypatch.setattr(limiter, "run_in_thread", counted)
    return steps


async def test_a_short_body_needs_no_thread(threads: list[int]) -> None:
    for content, steps in (
        (b"", 0),
        (bytes(INLINE_BYTES), 0),
        (bytes(INLINE_BYTES + 1), 1),
        (random.Random(0).randbytes(INLINE_INPUT_BYTES), 1),
    ):
        threads.clear()
        upload = Upload("gzip", messages(gzip.compress(content), []), 1 << 30)
        assert await upload.content() == content
        assert len(threads) == steps


async def test_a_step_is_short(threads: list[int]) -> None:
    upload = Upload("gzip", messages(gzip.compress(bytes(10 * STEP_BYTES)), []), 1 << 30)
    assert len(await upload.content()) == 10 * STEP_BYTES
    assert len(threads) in (10, 11)


async def test_an_unfinished_body_holds_what_was_received() -> None:
    bomb = messages(gzip.compress(bytes(10**7)), [])[0]
    upload = Upload("gzip", [{**bomb, "more_body": True}, GONE], 1 << 30)
    with upload.body as body:
        assert await body.receive() == GONE
        assert 0 < upload.ledger.charged_bytes < 100_000
    assert upload.ledger.charged_bytes == 0


@pytest.mark.parametrize("form", FORMATS)
async def test_memory_is_constant_and_charged(form: str) -> None:
    coding, compress = FORMATS[form]
    content = random.Random(0).randbytes(200_000) * 50
    compressed = compress(content)
    cuts = list(range(0, len(compressed), 100_000))
    upload = Upload(coding, messages(compressed, cuts), 1 << 30)
    size = most = 0
    tracemalloc.start()
    try:
        start, _ = tracemalloc.get_traced_memory()
        with upload.body as body:
            while size < len(content):
                tracemalloc.reset_peak()
                size += len((await body.receive())["body"])
                most = max(most, upload.ledger.charged_bytes)
                assert tracemalloc.get_traced_memory()[1] - start <= most + 100_000
    finally:
        tracemalloc.stop()
    assert size == len(content)
    assert most < 4 * COLLECTED_BYTES + (9_000_000 if form == "zstd" else 0)


async def test_the_memory_for_requests_may_be_full() -> None:
    body = gzip.compress(random.Random(0).randbytes(100_000))
    with pytest.raises(Problem, match="413"):
        await Upload("gzip", messages(body, []), 200_000).content()
    upload = Upload("gzip", messages(body, []), 1_000_000)
    upload.ledger.lease(arriving=True).add(400_000)
    with pytest.raises(Problem, match="503"):
        await upload.content()


async def test_a_client_that_leaves_gets_no_answer(app: FastAPI) -> None:
    body = gzip.compress(b"5,1,1,1,2,1,3,1,1\n" * 20_000)
    received = [{"type": "http.request", "body": body[:-9], "more_body": True}, GONE]

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(_: object) -> None:
        raise AssertionError

    headers = [(b"content-type", b"text/csv"), (b"content-encoding", b"gzip")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b""}
    await app({**scope, "headers": headers}, receive, send)
