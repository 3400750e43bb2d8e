"""service/inference/streaming.py: which tables need no thread, and the size of parts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from model.prediction.predictor import Predictor
from service.inference import streaming
from service.inference.streaming import (
    CHUNK_BYTES,
    FIRST_PART_BYTES,
    MAX_PART_SECONDS,
    MIN_PART_BYTES,
    MIN_PART_SECONDS,
)
from service.overload import limiter
from service.overload.threads import run_in_thread

pytestmark = pytest.mark.anyio

ROW = "5,1,1,1,2,1,3,1,1\n"
CSV, NDJSON, ARROW = "text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream"


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of parts that have run in a thread."""
    parts: list[int] = []
    plain = run_in_thread

    async def counted(*args: Any) -> Any:
        parts.append(1)
        return await plain(*args)

    monkeypatch.setattr(limiter, "run_in_thread", counted)
    return parts


def table(predictor: Predictor, media_type: str, rows: int) -> str:
    if media_type == CSV:
        return ",".join(predictor.schema.names) + "\n" + ROW * rows
    return f"[{ROW.strip()}]\n" * rows


@pytest.mark.parametrize("media_type", [CSV, NDJSON])
@pytest.mark.parametrize("path", ["/predict", "/invocations", "/predict?on_error=mark"])
async def test_a_small_table_needs_no_thread(
    client: httpx.AsyncClient, predictor: Predictor, threads: list[int], media_type: str, path: str
) -> None:
    headers = {"Content-Type": media_type}
    for rows, parts in ((1, 0), (200, 0), (300, 1)):
        body = table(predictor, media_type, rows)
        answer = await client.post(path, content=body, headers=headers)
        assert answer.status_code == 200
        assert len(threads) == parts


@pytest.mark.parametrize("accept", [CSV, NDJSON])
async def test_a_small_body_of_json_with_a_table_as_answer_needs_no_thread(
    client: httpx.AsyncClient, threads: list[int], accept: str
) -> None:
    body = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
    answer = await client.post("/predict", json=body, headers={"Accept": accept})
    assert answer.status_code == 200
    assert not threads


async def test_the_rules_of_a_small_table_are_those_of_a_large_one(
    client: httpx.AsyncClient, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = ",".join(predictor.schema.names) + "\n"
    bodies = ["", header, header + ROW, header + "x" + ROW, f'{header}"5', header + ROW.strip()]
    headers = {"Content-Type": CSV, "X-Request-ID": "a"}
    inline = [await client.post("/predict", content=body, headers=headers) for body in bodies]
    monkeypatch.setattr("service.inference.tables._is_short", lambda *_: False)
    in_thread = [await client.post("/predict", content=body, headers=headers) for body in bodies]
    assert [each.status_code for each in inline] == [422, 200, 200, 422, 400, 200]
    assert [(each.status_code, each.content) for each in inline] == [
        (each.status_code, each.content) for each in in_thread
    ]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_the_size_of_a_part_stays_within_its_limits(seconds: list[float]) -> None:
    size = FIRST_PART_BYTES
    for each in seconds:
        before, size = size, streaming._next_size(size, each)
        assert MIN_PART_BYTES <= size <= CHUNK_BYTES
        assert size >= before if each < MIN_PART_SECONDS else size <= before
        assert size == before or not MIN_PART_SECONDS <= each <= MAX_PART_SECONDS


@pytest.mark.parametrize("seconds", [0.0, 1.0])
async def test_parts_follow_the_time_that_they_take(
    client: httpx.AsyncClient, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    calls = 0
    clock = iter(range(10**6))
    monkeypatch.setattr(limiter, "thread_time", lambda: seconds * next(clock))
    plain = streaming.TableScorer.add

    def counted(scorer: streaming.TableScorer, *args: Any) -> None:
        nonlocal calls
        calls += 1
        plain(scorer, *args)

    monkeypatch.setattr(streaming.TableScorer, "add", counted)
    body = table(predictor, CSV, 40_000)  # 720 kB
    answer = await client.post("/predict", content=body, headers={"Content-Type": CSV})
    assert answer.text.count("\n") == 40_001
    parts = calls - 1  # without the call at the end of the body
    if seconds:  # 16, 8 and 4 KiB, then 2 KiB
        assert parts == pytest.approx(len(body) / MIN_PART_BYTES, rel=0.05)
    else:  # 16, 32 and 64 KiB, then 128 KiB; a chunk may end with a smaller part
        assert 3 + (len(body) - 7 * FIRST_PART_BYTES) // CHUNK_BYTES <= parts <= 10


async def test_a_client_that_leaves_within_a_table_gets_no_answer(
    app: FastAPI, predictor: Predictor
) -> None:
    messages = [
        {"type": "http.request", "body": table(predictor, CSV, 20_000).encode(), "more_body": True}
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(_: object) -> None:
        raise AssertionError

    headers = [(b"content-type", CSV.encode())]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"on_error=mark"}
    async with asyncio.timeout(20):
        await app({**scope, "headers": headers}, receive, send)


async def test_parts_that_complete_no_arrow_message_need_no_thread(
    client: httpx.AsyncClient, predictor: Predictor, threads: list[int]
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    columns = dict.fromkeys(predictor.schema.names, [5] * 20_000)
    batch = pyarrow.record_batch(columns)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(2):
            writer.write_batch(batch)
    body = sink.getvalue().to_pybytes()
    assert len(body) > 16 * CHUNK_BYTES

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    headers = {"Content-Type": ARROW, "Accept": CSV, "Accept-Encoding": "identity"}
    answer = await client.post("/predict", content=chunks(), headers=headers)
    assert answer.text.count("\n") == 40_001
    # The first part; of each batch, its end, and perhaps its head; the end of the stream.
    assert len(threads) <= 6
