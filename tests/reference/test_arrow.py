"""Arrow streams of pyarrow as request and response bodies."""

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from support.arrow_streams import ARROW, NAMES, TYPE, pa, post, scores, stream

from model.prediction.predictor import PIECE_ROWS, Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio


def table_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == TYPE
    return pa.ipc.open_stream(answer.content).read_all()


async def as_json(client: httpx.AsyncClient, body: bytes) -> Any:
    headers = {**ARROW, "Accept": "application/json"}
    answer = await client.post("/predict", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


async def test_a_table(client: httpx.AsyncClient, predictor: Predictor) -> None:
    table = scores(3 * PIECE_ROWS + 5)
    found = table_of(await post(client, stream(table)))
    assert found.schema.names == ["probability", "label"]
    rows = np.column_stack([table[name].to_numpy() for name in NAMES]).astype(float)
    expected = [
        predictor.predict(rows[start : start + PIECE_ROWS])[:, 0]
        for start in range(0, len(rows), PIECE_ROWS)
    ]
    assert found["probability"].to_pylist() == np.concatenate(expected).tolist()
    labels = np.where(np.concatenate(expected) > 0.5, "malignant", "benign")
    assert found["label"].to_pylist() == labels.tolist()


@pytest.mark.parametrize("kind", ["int8", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("rows", [37, 1000, 5000, 20_000])
async def test_types_and_batches_do_not_matter(
    client: httpx.AsyncClient, kind: str, rows: int
) -> None:
    expected = await post(client, stream(scores(6000)))
    table = scores(6000, getattr(pa, kind)())
    found = await post(client, stream(table, rows=rows))
    assert found.content == expected.content


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
async def test_compressed(client: httpx.AsyncClient, compression: str) -> None:
    table = scores(6000)
    found = await post(client, stream(table, compression=compression))
    assert found.content == (await post(client, stream(table))).content


async def test_missing_values(client: httpx.AsyncClient) -> None:
    columns = {name: [1.0, 2.0, 3.0] for name in NAMES}
    expected = None
    for missing in (
        pa.array([None, 2, None]),
        pa.array([float("nan"), 2.0, None], from_pandas=False),
        pa.array([None, 2, None], pa.int8()),
    ):
        answers = await as_json(client, stream(pa.table({**columns, "bare_nuclei": missing})))
        assert [each.get("imputed") for each in answers] == [["bare_nuclei"], None, ["bare_nuclei"]]
        expected = expected or answers
        assert answers == expected
    for table in (
        pa.table({**columns, "bare_nuclei": pa.nulls(3)}),
        pa.table({name: columns[name] for name in NAMES if name != "bare_nuclei"}),
    ):
        answers = await as_json(client, stream(table))
        assert [each.get("imputed") for each in answers] == [["bare_nuclei"]] * 3


@pytest.fixture
async def kinds_client(kinds: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(), kinds))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


COLOURS = ["grün", None, "red", "dark blue", "grün"]
TEXTS = [
    pa.array(COLOURS),
    pa.array(COLOURS, pa.large_string()),
    pa.array(COLOURS, pa.string_view()),
    pa.array(COLOURS).dictionary_encode(),
    pa.DictionaryArray.from_arrays(
        pa.array([1, None, 0, 2, 1], pa.int8()), ["red", "grün", "dark blue", None]
    ),
]


@pytest.mark.parametrize("colours", TEXTS, ids=lambda each: str(each.type))
async def test_categories_and_truths(
    kinds_client: httpx.AsyncClient, kinds: Predictor, colours: Any
) -> None:
    columns = {
        "score": [1, 2, 3, 4, 5],
        "size": [0.5, 1.5, 2.5, 3.5, 4.5],
        "colour": colours,
        "smokes": [True, False, None, True, True],
    }
    table = pa.table(columns)
    found = table_of(await post(kinds_client, stream(table, rows=2)))
    rows = table.to_pylist()
    answers = await kinds_client.post("/predict", json={"instances": rows})
    assert await as_json(kinds_client, stream(table, rows=2)) == answers.json()["predictions"]
    values = [[row["size"], _code(row["colour"]), row["smokes"], row["score"]] for row in rows]
    predictions = kinds.predict(np.array(values, dtype=float))
    expected = kinds.schema.target.columns(predictions, 0.5)
    assert found.to_pydict() == {name: each.tolist() for name, each in expected.items()}


def _code(colour: str | None) -> int | None:
    return None if colour is None else ["red", "dark blue", "grün"].index(colour)


async def test_a_dictionary_that_is_replaced(kinds_client: httpx.AsyncClient) -> None:
    def batch(colours: list[str]) -> Any:
        encoded = pa.array(colours).dictionary_encode()
        return pa.record_batch({"size": [1.0] * 2, "colour": encoded, "score": [3] * 2})

    batches = [batch(["red", "grün"]), batch(["grün", "dark blue"])]
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for each in batches:
            writer.write_batch(each)
    rows = [row for each in batches for row in each.to_pylist()]
    answers = await kinds_client.post("/predict", json={"instances": rows})
    assert await as_json(kinds_client, sink.getvalue()) == answers.json()["predictions"]


async def test_bad_rows(client: httpx.AsyncClient) -> None:
    columns = {name: [1, 2, 3] for name in NAMES}
    body = stream(pa.table({**columns, "mitoses": [1, 11, None], "bare_nuclei": [1.5, 2, 3]}))
    answer = await post(client, body)
    assert answer.status_code == 422
    rule = "must be an integer from 1 to 10"
    assert answer.json()["errors"] == [
        {"field": "rows.0.bare_nuclei", "rule": f"{rule} or null"},
        {"field": "rows.1.mitoses", "rule": rule},
        {"field": "rows.2.mitoses", "rule": rule},
    ]
    body = stream(pa.table({**columns, "mitoses": [1, 11, None]}))
    found = table_of(await post(client, body, "?on_error=mark")).to_pydict()
    assert [each is None for each in found["probability"]] == [False, True, True]
    assert found["label"] == ["benign", None, None]
    assert found["error"] == [None, f"mitoses {rule}", f"mitoses {rule}"]


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"weight": [1]}, "weight", "is not a feature of this model"),
        ({"mitoses": None}, "mitoses", "is required"),
        ({"mitoses": ["1"]}, "mitoses", "must be a column of numbers"),
        ({"mitoses": [True]}, "mitoses", "must be a column of numbers"),
        ({"mitoses": [[1]]}, "mitoses", "must be a column of numbers"),
        ({"mitoses": pa.array([1], pa.timestamp("s"))}, "mitoses", "must be a column of numbers"),
        (
            {name: pa.nulls(1) for name in NAMES},
            "body",
            "must have a column that is not of type null",
        ),
    ],
)
async def test_columns_that_do_not_fit(
    client: httpx.AsyncClient, change: dict[str, Any], field: str, rule: str
) -> None:
    columns = {**{name: [1] for name in NAMES}, **change}
    table = pa.table({name: each for name, each in columns.items() if each is not None})
    answer = await post(client, stream(table), "?on_error=mark")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "rule": rule}]


async def test_twice_the_same_column(client: httpx.AsyncClient) -> None:
    table = pa.Table.from_arrays([pa.array([1])] * 10, names=[*NAMES, "mitoses"])
    answer = await post(client, stream(table))
    assert answer.json()["errors"] == [{"field": "mitoses", "rule": "is given twice"}]
