"""Types of Arrow columns: each that can mean the values of a feature gets the answer of JSON."""

import random
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arrow_streams import ARROW, pa, post, stream

from model.prediction.schema import Feature
from service.codecs.charge import uncharged

pytestmark = pytest.mark.anyio

ROWS: dict[str, list[Any]] = {
    "size": [0.5, 2.5, 3, 4.25],
    "colour": ["grün", None, "red", "dark blue"],
    "smokes": [True, None, False, True],
    "score": [1, 2, 3, 4],
}


def dictionary(values: list[Any]) -> Any:
    return pa.array(values).dictionary_encode()


def runs(values: Any) -> Any:
    """Run-end encode each value as a run of one, with an offset."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    encoded = pa.RunEndEncodedArray.from_arrays(
        pa.array(range(1, len(array) + 2), pa.int16()), pa.concat_arrays([array[:1], array])
    )
    return encoded.slice(1)


def decimals(values: list[Any], kind: Any) -> Any:
    return pa.array([None if each is None else Decimal(each) for each in values], kind)


SIZE, COLOUR, SMOKES, SCORE = ROWS.values()
BYTES = [each and each.encode() for each in COLOUR]
COLUMNS = [
    ("size", decimals(SIZE, pa.decimal32(5, 2))),
    ("size", decimals(SIZE, pa.decimal64(9, 3))),
    ("size", decimals(SIZE, pa.decimal128(38, 2))),
    ("size", decimals(SIZE, pa.decimal256(76, 70))),
    ("size", pa.array(np.array(SIZE, np.float16))),
    ("size", dictionary(SIZE)),
    ("size", dictionary(decimals(SIZE, pa.decimal128(4, 2)))),
    ("size", runs(SIZE)),
    ("score", decimals(SCORE, pa.decimal128(38, 0))),
    ("score", dictionary(SCORE)),
    ("score", runs(pa.array(SCORE, pa.uint8()))),
    ("smokes", dictionary(SMOKES)),
    ("smokes", dictionary([1, None, 0, 1])),
    ("smokes", decimals([1, None, 0, 1], pa.decimal128(1, 0))),
    ("smokes", runs(SMOKES)),
    ("colour", pa.array(COLOUR, pa.large_string()).dictionary_encode()),
    ("colour", pa.array(COLOUR, pa.string_view()).dictionary_encode()),
    ("colour", pa.array(BYTES)),
    ("colour", pa.array(BYTES, pa.large_binary())),
    ("colour", pa.array(BYTES, pa.binary_view())),
    ("colour", dictionary(BYTES)),
    ("colour", runs(COLOUR)),
]


@pytest.mark.parametrize(
    ("name", "column"), COLUMNS, ids=lambda each: str(getattr(each, "type", each))
)
@pytest.mark.parametrize("rows", [3, None])
async def test_every_type_of_a_value_gets_the_answer_of_json(
    kinds_client: httpx.AsyncClient, name: str, column: Any, rows: int | None
) -> None:
    table = pa.table({**ROWS, name: column})
    instances = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
    expected = await kinds_client.post("/predict", json={"instances": instances})
    headers = {**ARROW, "Accept": "application/json"}
    found = await kinds_client.post("/predict", content=stream(table, rows=rows), headers=headers)
    assert (found.status_code, found.json()) == (200, expected.json())


MOMENTS = [
    pa.array([1, 2, 3, 4], pa.timestamp("ns", "UTC")),
    pa.array([1, 2, 3, 4], pa.date32()),
    pa.array([1, 2, 3, 4], pa.time64("us")),
    pa.array([1, 2, 3, 4], pa.duration("s")),
    dictionary(pa.array([1, 2, 3, 4], pa.timestamp("s"))),
    runs(pa.array([1, 2, 3, 4], pa.date32())),
]
OTHERS = [
    *(("size", each, "numbers") for each in MOMENTS),
    ("size", pa.array(["1", "2", "3", "4"]), "numbers"),
    ("size", pa.array([[1], [2], [3], [4]]), "numbers"),
    ("size", pa.DictionaryArray.from_arrays([0] * 4, pa.nulls(1)), "numbers"),
    ("colour", pa.array([1, 2, 3, 4]), "text"),
    ("colour", dictionary([1, 2, 3, 4]), "text"),
    ("colour", pa.array([b"1"] * 4, pa.binary(1)), "text"),
    ("colour", runs(dictionary(COLOUR)), "text"),  # which pyarrow does not read
    ("smokes", pa.array(["true"] * 4), "booleans"),
    ("smokes", dictionary(pa.array([1, 2, 3, 4], pa.date32())), "booleans"),
]


@pytest.mark.parametrize(
    ("name", "column", "accepted"), OTHERS, ids=lambda each: str(getattr(each, "type", each))
)
async def test_a_type_that_means_no_value_is_refused_by_the_name_of_its_column(
    kinds_client: httpx.AsyncClient, name: str, column: Any, accepted: str
) -> None:
    answer = await post(kinds_client, stream(pa.table({**ROWS, name: column})), "?on_error=mark")
    assert answer.status_code == 422
    rule = f"must be a column of {accepted}"
    assert answer.json()["errors"] == [{"field": name, "rule": rule}]


@pytest.mark.parametrize("scale", [-2_000_000_000, 77, 2_000_000_000])
async def test_a_decimal_with_more_digits_than_there_are_is_refused(
    kinds_client: httpx.AsyncClient, scale: int
) -> None:
    column = pa.Array.from_buffers(pa.decimal128(5, scale), 4, [None, pa.py_buffer(b"\1" * 64)])
    answer = await post(kinds_client, stream(pa.table({**ROWS, "size": column})))
    assert answer.json()["errors"][0]["field"] == "size"


async def test_bytes_that_are_no_text_are_no_category(kinds_client: httpx.AsyncClient) -> None:
    table = pa.table({**ROWS, "colour": pa.array([b"red", b"\xff", b"gr\xc3\xbcn", None])})
    answer = await post(kinds_client, stream(table))
    assert [error["field"] for error in answer.json()["errors"]] == ["rows.1.colour"]


async def test_only_runs_would_have_any_number_of_rows(kinds_client: httpx.AsyncClient) -> None:
    table = pa.table({name: runs(column) for name, column in ROWS.items()})
    answer = await post(kinds_client, stream(table))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body"


@given(
    st.integers(1, 76).flatmap(
        lambda digits: st.tuples(
            st.just(digits),
            st.integers(0, digits),
            st.lists(st.none() | st.integers(1 - 10**digits, 10**digits - 1), max_size=5),
        )
    )
)
def test_a_decimal_is_the_nearest_number(case: tuple[int, int, list[int | None]]) -> None:
    from service.codecs.tabular.arrow_columns import ArrowColumn

    digits, scale, numbers = case
    texts = [None if each is None else f"{each}e-{scale}" for each in numbers]
    kind = random.choice([pa.decimal256, *([pa.decimal128] if digits <= 38 else [])])
    column = decimals(texts, kind(digits, scale))
    found = ArrowColumn(Feature(name="size"), 100).numbers(column, uncharged)
    expected = [np.nan if each is None else float(each) for each in texts]
    np.testing.assert_array_equal(found, expected)
