"""service/codecs/json/parser.py: rows that tables encode are those of the ordinary way."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.prediction.encoder import Encoder
from model.prediction.row_tables import RowTables
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.json.parser import MAX_ENCODED_BYTES, InstanceParser
from service.problems import Problem

SCHEMA = Schema(
    features=(
        Feature(name="a", type="integer", minimum=0, maximum=3, may_be_missing=True),
        Feature(name="b", type="boolean"),
        Feature(name="c", type="category", categories=("x", "y", "a:b")),
    ),
    target=Binary(negative="benign", positive="malignant"),
)
ENCODER = Encoder((0, 0, 3), ("", "", ""), np.ones(3), np.array([1.5, 0, 0, 0, 0]), np.full(5, 0.7))
TABLES = RowTables.for_model(SCHEMA, ENCODER)
PARSER = InstanceParser(SCHEMA, max_rows=3, tables=TABLES)

VALUES = st.sampled_from([0, 1, 3, 1.0, -0.0, 4, 1.5, 10**400, True, False, "x", "a:b", "z", None])
ARRAYS = st.tuples(st.sampled_from([0, 1.0, 3]), st.booleans(), st.sampled_from("xy")).map(list)
NAMED = ARRAYS.map(lambda row: dict(zip("abc", row, strict=True)))
OTHERS = st.one_of(
    st.lists(VALUES, max_size=4),
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, max_size=4),
    st.sampled_from(["axy", "xyx", {"x": 0, "y": 1, "a": 2}, 1, None]),
)
ROWS = st.one_of(
    st.lists(ARRAYS, max_size=4),
    st.lists(NAMED, max_size=4),
    st.lists(st.one_of(ARRAYS, NAMED, OTHERS), max_size=4),
    OTHERS,
)
BODIES = st.one_of(NAMED, ROWS.map(lambda rows: {"instances": rows}), OTHERS)


def usual(body: bytes) -> tuple[bool, bytes]:
    rows = PARSER.parse(body)
    return rows.single, ENCODER.encode(rows.values).tobytes()


@given(BODIES, st.sampled_from([None, '"a": 1,', '"d": 1,']))
def test_encoded_rows_are_those_of_the_ordinary_way(body: Any, further: str | None) -> None:
    text = json.dumps(body)
    data = (text if further is None else text.replace("{", "{" + further, 1)).encode()
    found = PARSER.encode(data)
    if found is None:
        return
    assert found.encoded is not None
    assert (found.single, b"".join(found.encoded)) == usual(data)
    assert found.count == len(found.encoded)
    assert TABLES is not None
    values = [value for row in found.in_order for value in row]
    assert TABLES.raw_values(values).tobytes() == PARSER.parse(data).values.tobytes()


@pytest.mark.parametrize(
    "body",
    [
        {"a": 1, "b": True, "c": "y"},
        {"instances": [[1, True, "y"], [3.0, False, "x"]]},
        {"instances": [{"c": "x", "b": False, "a": 0}]},
    ],
)
def test_usual_rows_are_encoded(body: Any) -> None:
    assert PARSER.encode(json.dumps(body).encode()) is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[[1, true, 2]]",
        b'{"a": NaN, "b": true, "c": "x"}',
        b'{"a": 1, "b": true, "c": "a:b"}',  # a colon in a string
        b'{"a": 1, "b": true, "c": "x", "a": 1}',
        b'{"instances": []}',
        b'{"instances": [[1, true, "x"]], "a": 1}',
        b'{"instances": [[1, true, "x"], "axx"]}',
        b'{"instances": ["axx"]}',
        b'{"instances": [%b]}' % b", ".join([b'[1, true, "x"]'] * 4),
        b'{"a": 1, "b": true, "c": "x"}' + b" " * MAX_ENCODED_BYTES,
    ],
)
def test_other_bodies_are_not_encoded(body: bytes) -> None:
    assert PARSER.encode(body) is None


def test_without_tables_nothing_is_encoded() -> None:
    assert InstanceParser(SCHEMA, max_rows=3).encode(b'{"a": 1, "b": true, "c": "x"}') is None


def test_invalid_rows_are_not_encoded() -> None:
    body = b'{"instances": [[1, 1, "x"]]}'
    assert PARSER.encode(body) is None
    with pytest.raises(Problem):
        PARSER.parse(body)
