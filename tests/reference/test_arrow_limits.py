"""Arrow streams that are damaged, or larger than their bodies."""

import io
import struct
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.arrow_streams import NAMES, pa, post, scores, stream

from service.codecs.tabular.arrow_framing import declared_rows
from service.problems import Problem

pytestmark = pytest.mark.anyio


async def test_batches_that_are_too_large(small_client: httpx.AsyncClient) -> None:
    table = scores(10_000, pa.int8())
    assert (await post(small_client, stream(table, rows=5_000))).status_code == 200
    assert (await post(small_client, stream(table))).status_code == 200
    table = scores(20_000, pa.int8())
    assert (await post(small_client, stream(table))).status_code == 413
    constant = {name: np.ones(20_000_000, np.int8) for name in NAMES}
    bomb = stream(pa.table(constant), compression="zstd")
    assert len(bomb) < 100_000
    answer = await post(small_client, bomb)
    assert answer.status_code == 413
    assert "at most 100000 bytes" in answer.json()["detail"]


async def test_dictionaries_that_are_too_large(kinds_client: httpx.AsyncClient) -> None:
    many = pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(["x" * 20_000_000]))
    table = pa.table({"size": [1.0], "colour": many, "score": [3]})
    for options in ({}, {"compression": "zstd"}):
        assert (await post(kinds_client, stream(table, **options))).status_code == 413


async def test_a_view_of_one_large_text_many_times(kinds_client: httpx.AsyncClient) -> None:
    text = pa.array(["x" * 1_000_000], pa.string_view())
    views = np.tile(np.frombuffer(text.buffers()[1], np.int32), 4096)
    buffers = [None, pa.py_buffer(views.tobytes()), text.buffers()[2]]
    colours = pa.Array.from_buffers(pa.string_view(), 4096, buffers)
    table = pa.table({"size": np.ones(4096), "colour": colours, "score": np.ones(4096)})
    assert (await post(kinds_client, stream(table))).status_code == 413


async def test_deltas_of_dictionaries(kinds_client: httpx.AsyncClient) -> None:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    texts = ["red", "grün"]
    batches = [
        pa.record_batch(
            {"size": [1.0], "colour": pa.DictionaryArray.from_arrays([0], texts[:n]), "score": [3]}
        )
        for n in (1, 2)
    ]
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
        for each in batches:
            writer.write_batch(each)
    answer = await post(kinds_client, sink.getvalue())
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "Dictionaries must not be deltas.",
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda _: b"", 400),
        (lambda body: body[:100], 400),
        (lambda body: body[:-50], 400),
        (lambda body: body[:-8], 200),  # the end-of-stream marker is optional
        (lambda body: body + b"x", 400),
        (lambda body: body + body, 400),
        (lambda body: b"ARROW1\0\0" + body, 400),
        (lambda body: body[8:], 400),
        (lambda _: struct.pack("<II", 0xFFFFFFFF, 2**31), 413),
        (lambda _: struct.pack("<II", 0xFFFFFFFF, 8) + b"\xff" * 8, 400),
    ],
)
async def test_invalid_streams_are_rejected(
    client: httpx.AsyncClient, change: Any, status: int
) -> None:
    body = stream(scores(10))
    assert (await post(client, change(body))).status_code == status


async def test_no_rows(client: httpx.AsyncClient) -> None:
    answer = await post(client, stream(scores(0)))
    assert answer.status_code == 200
    assert pa.ipc.open_stream(answer.content).read_all().num_rows == 0


@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    compressed=st.booleans(),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
async def test_damaged_bytes_are_answered_or_rejected(
    client: httpx.AsyncClient, changes: list[tuple[float, int]], compressed: bool
) -> None:
    body = bytearray(stream(scores(20, pa.int8()), compression="lz4" if compressed else None))
    for place, value in changes:
        body[int(place * len(body))] = value
    answer = await post(client, bytes(body), "?on_error=mark")
    assert answer.status_code in {200, 400, 413, 422}


@pytest.mark.parametrize("kind", [pa.int8(), pa.float64()])
def test_the_rows_of_a_stream_are_known_before_it_is_unpacked(kind: Any) -> None:
    for rows, batch in ((0, None), (1, None), (300, None), (300, 7)):
        assert declared_rows(stream(scores(rows, kind), rows=batch), 100_000) == rows
    constant = pa.table({name: np.ones(5_000, np.int8) for name in NAMES})
    assert declared_rows(stream(constant, compression="zstd"), 100_000) == 5_000
    assert declared_rows(stream(constant, compression="zstd"), 10_000) is None
    assert declared_rows(b"not Arrow, not at all", 10_000) is None


async def test_a_small_stream_needs_no_thread_but_a_packed_one_does(
    small_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Problem(503)

    assert (await post(small_client, stream(scores(1)))).status_code == 200  # imports pyarrow
    monkeypatch.setattr("service.overload.limiter.run_in_thread", refuse)
    monkeypatch.setattr("service.inference.tables.run_in_thread", refuse)
    assert (await post(small_client, stream(scores(200)))).status_code == 200
    constant = pa.table({name: np.ones(5_000, np.int8) for name in NAMES})
    assert (await post(small_client, stream(constant, compression="zstd"))).status_code == 503
