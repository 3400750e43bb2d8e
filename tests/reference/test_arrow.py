"""Arrow streams of pyarrow as request and response bodies."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from support.arrow_streams import ARROW, NAMES, TYPE, pa, post, scores, stream

from model.prediction.predictor import PIECE_ROWS, Predictor
from service.codecs.extra import TAKEN
from service.codecs.tabular.arrow_batches import EXTRA_RULE

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
    assert found.schema.names == ["probability", "label", "imputed"]
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
    imputed = [each.get("imputed") for each in answers.json()["predictions"]]
    columns = {name: each.tolist() for name, each in expected.items()}
    assert found.to_pydict() == {**columns, "imputed": imputed}


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
        ({"label": [1]}, "label", TAKEN),
        ({"tags": [[1]]}, "tags", EXTRA_RULE),
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


EXTRA_NAMES = ["__index_level_0__", "name"]


def extra_table(rows: int) -> Any:
    numbers = pa.array(range(rows), pa.int64())
    texts = pa.array([f"n{n % 7}" for n in range(rows)])
    return scores(rows).add_column(0, "__index_level_0__", numbers).append_column("name", texts)


EXTRA = {
    "uint16": [1, None],
    "float32": [1.5, None],
    "bool": [True, None],
    "string": ["a", None],
    "large_string": ["é", ""],
    "binary": [b"\xff", None],
    "date32": [1, None],
    "time64[us]": [1, None],
    "timestamp[ns, tz=Nowhere/None]": [1, 2**62],
    "duration[s]": [1, None],
    "null": [None, None],
}
TYPES = {"timestamp[ns, tz=Nowhere/None]": pa.timestamp("ns", "Nowhere/None")}


@pytest.mark.parametrize("kind", EXTRA)
async def test_extra_columns_keep_their_types(client: httpx.AsyncClient, kind: str) -> None:
    type_ = TYPES.get(kind) or pa.type_for_alias(kind)
    storable = type_ if not pa.types.is_temporal(type_) else None
    column = pa.array(EXTRA[kind], storable)
    if storable is None:
        column = column.cast(pa.int32() if kind == "date32" else pa.int64()).view(type_)
    body = stream(scores(2).append_column("x", column))
    found = table_of(await post(client, body))
    assert found.schema.names == ["x", "probability", "label", "imputed"]
    assert found["x"].combine_chunks().equals(column)
    for accept in ("text/csv", "application/x-ndjson", "application/json"):
        answer = await client.post("/predict", content=body, headers={**ARROW, "Accept": accept})
        assert answer.status_code == 200


async def test_shared_values_become_plain_columns(client: httpx.AsyncClient) -> None:
    texts = pa.array(["a", "b", None, "a"])
    columns = [
        texts.dictionary_encode(),
        texts.cast(pa.string_view()),
        pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3, 4], pa.int32()), texts),
    ]
    for column in columns:
        for place, count in ((0, 4), (1, 2), (3, 1)):
            table = scores(4).append_column("x", column).slice(place, count)
            found = table_of(await post(client, stream(table)))["x"]
            assert found.type == pa.string()
            assert found.to_pylist() == texts.slice(place, count).to_pylist()


@pytest.mark.parametrize("rows", [1, 100, 9000])
async def test_extra_columns_in_batches_of_any_size(client: httpx.AsyncClient, rows: int) -> None:
    table = extra_table(9001)
    found = table_of(await post(client, stream(table, rows=rows)))
    assert found.schema.names == [*EXTRA_NAMES, "probability", "label", "imputed"]
    assert found["__index_level_0__"].combine_chunks().equals(table["__index_level_0__"].chunk(0))
    assert found["name"].to_pylist() == table["name"].to_pylist()


async def test_an_empty_table_has_its_columns(client: httpx.AsyncClient) -> None:
    found = table_of(await post(client, stream(extra_table(0))))
    assert found.schema.names == [*EXTRA_NAMES, "probability", "label", "imputed"]
    assert found.num_rows == 0


async def test_texts_that_share_memory_are_limited(client: httpx.AsyncClient) -> None:
    text = pa.array(["x" * 2**20])
    _, one, data = text.cast(pa.string_view()).buffers()
    view = one.to_pybytes()[:16]
    shared = [
        pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int8()), text),
        pa.RunEndEncodedArray.from_arrays(pa.array([3000], pa.int32()), text),
        pa.Array.from_buffers(pa.string_view(), 3000, [None, pa.py_buffer(view * 3000), data]),
    ]
    for column in shared:
        answer = await post(client, stream(scores(3000).append_column("x", column)))
        assert answer.status_code == 413
