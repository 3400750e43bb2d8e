"""Arrow files and Parquet as request and response bodies."""

import importlib
import io
import struct
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.arrow_streams import ARROW, NAMES, TYPE, arrow_file, pa, parquet, post, scores, stream

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pq: Any = importlib.import_module("pyarrow.parquet")
pytestmark = pytest.mark.anyio

FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
WRITERS: dict[str, Callable[..., bytes]] = {FILE: arrow_file, PARQUET: parquet}
KINDS = pytest.mark.parametrize("kind", list(WRITERS))


async def send(client: httpx.AsyncClient, kind: str, body: bytes, **headers: str) -> httpx.Response:
    return await client.post("/predict", content=body, headers={"Content-Type": kind, **headers})


def table_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"]
    if kind == TYPE:
        return pa.ipc.open_stream(answer.content).read_all()
    source = pa.BufferReader(answer.content)
    return pq.read_table(source) if kind == PARQUET else pa.ipc.open_file(source).read_all()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (FILE, {}),
        (FILE, {"rows": 700}),
        (FILE, {"compression": "zstd"}),
        (PARQUET, {}),
        (PARQUET, {"row_group_size": 1000}),
        (PARQUET, {"compression": "zstd", "use_dictionary": False, "data_page_version": "2.0"}),
        (PARQUET, {"compression": "none", "write_page_checksum": True}),
        (PARQUET, {"compression": "gzip", "store_schema": False}),
    ],
)
@pytest.mark.parametrize("rows", [0, 1, 6000, 60_000])
async def test_a_file_is_answered_as_a_stream_is(
    client: httpx.AsyncClient, kind: str, options: Any, rows: int
) -> None:
    table = scores(rows)
    expected = table_of(await post(client, stream(table)))
    body = WRITERS[kind](table, **options)
    found = await send(client, kind, body)
    assert found.headers["content-type"] == kind
    assert table_of(found).equals(expected)
    as_csv = await send(client, kind, body, Accept="text/csv")
    assert as_csv.text.count("\n") == rows + 1


@KINDS
@pytest.mark.parametrize("declared", [TYPE, FILE, "application/x-parquet", "application/parquet"])
async def test_the_beginning_of_a_file_decides(
    client: httpx.AsyncClient, kind: str, declared: str
) -> None:
    body = WRITERS[kind](scores(10))
    answer = await send(client, declared, body, Accept="application/json")
    expected = await send(client, kind, body, Accept="application/json")
    assert answer.json() == expected.json()


@KINDS
async def test_an_upload_by_the_extension_of_its_name(client: httpx.AsyncClient, kind: str) -> None:
    name = {FILE: "patients.feather", PARQUET: "patients.parquet"}[kind]
    files = {"file": (name, WRITERS[kind](scores(10)))}
    assert table_of(await client.post("/predict", files=files)).num_rows == 10


async def test_any_answer_may_be_a_file(client: httpx.AsyncClient) -> None:
    expected = table_of(await post(client, stream(scores(9000))))
    for kind in WRITERS:
        headers = {**ARROW, "Accept": kind}
        answer = await client.post("/predict", content=stream(scores(9000)), headers=headers)
        assert table_of(answer).equals(expected)


@KINDS
async def test_values_of_every_kind_of_feature(kinds_client: httpx.AsyncClient, kind: str) -> None:
    colours = ["grün", None, "red", "dark blue"]
    texts = [colours, [each and each.encode() for each in colours]]
    columns = [*map(pa.array, texts), pa.array(colours).dictionary_encode()]
    columns += [pa.array(colours, each) for each in (pa.large_string(), pa.string_view())]
    for colour in columns:
        table = pa.table(
            {
                "score": [1, 2, 3, 4],
                "size": pa.array([0.5, 1.5, 2.5, 3.5]).cast(pa.decimal128(5, 1)),
                "colour": colour,
                "smokes": [True, False, None, True],
            }
        )
        rows = [
            {"score": row["score"], "size": float(row["size"]), "colour": text, "smokes": smokes}
            for row, text, smokes in zip(
                table.to_pylist(), colours, table["smokes"].to_pylist(), strict=True
            )
        ]
        expected = await kinds_client.post("/predict", json={"instances": rows})
        found = await send(kinds_client, kind, WRITERS[kind](table), Accept="application/json")
        assert found.json() == expected.json()


@KINDS
async def test_rules_of_columns_and_rows(client: httpx.AsyncClient, kind: str) -> None:
    table = scores(5000)
    moments = table.set_column(8, "mitoses", pa.array([1] * 5000, pa.timestamp("us")))
    answer = await send(client, kind, WRITERS[kind](moments))
    assert answer.json()["errors"] == [{"field": "mitoses", "rule": "must be a column of numbers"}]
    wrong = table.set_column(8, "mitoses", pa.array([*[1] * 4999, 11]))
    answer = await send(client, kind, WRITERS[kind](wrong))
    assert answer.json()["errors"][0]["field"] == "rows.4999.mitoses"


@KINDS
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:100],
        lambda body: body[:-1],
        lambda body: body + b"x",
        lambda body: body[:6],
        lambda body: body[:-10] + struct.pack("<i", 2**31 - 1) + body[-6:],
        lambda body: body[:-8] + struct.pack("<I", 2**32 - 1) + body[-4:],
        lambda body: body[:-8] + struct.pack("<I", 0) + body[-4:],
        lambda body: body[:60] + bytes(len(body) - 120) + body[-60:],
    ],
)
async def test_malformed_files(client: httpx.AsyncClient, kind: str, change: Any) -> None:
    answer = await send(client, kind, change(WRITERS[kind](scores(10))))
    assert answer.status_code in (400, 413), answer.text


@KINDS
async def test_what_is_no_file_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    for body in (b"", b"nothing of this kind", b"PAR1", b"ARROW1"):
        answer = await send(client, kind, body)
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("The body is malformed: it is not ")


@KINDS
async def test_parts_that_are_too_large(small_client: httpx.AsyncClient, kind: str) -> None:
    many = pa.table(
        {name: np.ones(1_000_000 if kind == PARQUET else 20_000_000, np.int8) for name in NAMES}
    )
    bomb = WRITERS[kind](
        many,
        compression="zstd",
        **({} if kind == FILE else {"use_dictionary": False, "max_rows_per_page": 2**30}),
    )
    assert len(bomb) < 200_000
    answer = await send(small_client, kind, bomb)
    assert answer.status_code == 413
    assert "at most 100000 bytes" in answer.json()["detail"]


async def test_a_parquet_file_of_few_bytes_has_a_limit_of_rows(client: httpx.AsyncClient) -> None:
    many = pa.table({name: np.ones(20_000_000, np.int8) for name in NAMES})
    body = parquet(many, compression="zstd", row_group_size=2**30)
    answer = await send(client, PARQUET, body)
    assert answer.status_code == 413
    assert "8 rows for each of its bytes" in answer.json()["detail"]


async def test_a_large_text_many_times_is_not_repeated(kinds_client: httpx.AsyncClient) -> None:
    colour = pa.DictionaryArray.from_arrays(np.zeros(9000, np.int32), ["x" * 1_000_000])
    table = pa.table({"size": np.ones(9000), "score": np.ones(9000), "colour": colour})
    answer = await send(kinds_client, PARQUET, parquet(table))
    assert answer.status_code == 422
    text = pa.table(
        {"size": [1.0] * 4, "score": [1] * 4, "colour": ["x" * 5000 + c for c in "abcd"]}
    )
    body = parquet(text, use_dictionary=False, column_encoding={"colour": "DELTA_BYTE_ARRAY"})
    answer = await send(kinds_client, PARQUET, body)
    assert answer.json()["errors"][0]["rule"] == "must not have the encoding DELTA_BYTE_ARRAY"


@KINDS
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    near_the_end=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
async def test_damaged_bytes_are_answered_or_rejected(
    client: httpx.AsyncClient,
    kind: str,
    changes: list[tuple[float, int]],
    near_the_end: bool,
) -> None:
    body = bytearray(WRITERS[kind](scores(20, pa.int8())))
    for place, value in changes:
        body[-1 - int(place * (600 if near_the_end else len(body)))] = value
    answer = await client.post(
        "/predict?on_error=mark", content=bytes(body), headers={"Content-Type": kind}
    )
    assert answer.status_code in {200, 400, 413, 422}


@KINDS
async def test_a_large_file_is_read_from_a_temporary_file(
    client: httpx.AsyncClient, kind: str
) -> None:
    generator = np.random.default_rng(0)
    table = pa.table({name: generator.integers(1, 11, 200_000).astype(float) for name in NAMES})
    options = (
        {"compression": "none", "use_dictionary": False} if kind == PARQUET else {"rows": 9999}
    )
    body = WRITERS[kind](table, **options)
    assert len(body) > 10_000_000
    assert table_of(await send(client, kind, body)).num_rows == 200_000


@KINDS
async def test_a_file_of_more_bytes_than_temporary_files_have(
    predictor: Predictor, kind: str
) -> None:
    app = create_app(Settings(max_spooled_answer_bytes=2_000_000), predictor)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test"
    ) as client:
        body = WRITERS[kind](scores(20), **({"rows": 20} if kind == FILE else {}))
        answer = await send(client, kind, body[:4] + body[4:8] * 750_000 + body[-8:])
        assert answer.status_code == 507


def test_readers_take_columns_as_files_have_them() -> None:
    """The beginning of a body is long enough for the magic bytes of each kind."""
    for kind, writer in WRITERS.items():
        assert writer(scores(1)).startswith({FILE: b"ARROW1", PARQUET: b"PAR1"}[kind])
    assert io.BytesIO(stream(scores(1))).read(4) == b"\xff" * 4
