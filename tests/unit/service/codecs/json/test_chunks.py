"""A large body, split into chunks, gives the same rows and errors as the whole body."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.json import chunks as pieces
from service.codecs.json import parser as contract
from service.codecs.json.chunks import split_body
from service.codecs.json.parser import InstanceParser
from service.problems import Problem

TARGET = Binary(negative="benign", positive="malignant")
NUMBERS = Schema(
    features=(
        Feature(name="size", type="integer", minimum=1, maximum=10),
        Feature(name="age", minimum=0, may_be_missing=True),
    ),
    target=TARGET,
)
KINDS = Schema(
    features=(
        Feature(name="ill", type="boolean"),
        Feature(name="kind", type="category", categories=("a", "b c"), may_be_missing=True),
    ),
    target=TARGET,
)
CONTRACTS = [InstanceParser(schema, max_rows=50) for schema in (NUMBERS, KINDS)]
GOOD: list[list[Any]] = [[[5, 0.5], [1, None], [3.0, 1e3]], [[True, "a"], [False, None]]]
NAMES = [["size", "age"], ["ill", "kind"]]

VALUES = st.one_of(
    st.sampled_from([0, 1, 2.0, 2.5, 11, -1, None, True, False, [], {}, [[1, 2]], 10**400]),
    st.sampled_from(["a", "b c", "5", "],[", "},{", float("nan"), float("inf"), {"size": 1}]),
)
OBJECTS = [
    dict(zip(names, row, strict=True))
    for names, rows in zip(NAMES, GOOD, strict=True)
    for row in rows
]
ROWS = st.one_of(
    st.sampled_from([*GOOD[0], *GOOD[1], *OBJECTS]),
    st.lists(VALUES, max_size=3),
    st.dictionaries(st.sampled_from("size age ill kind instances x:y".split()), VALUES),
    VALUES,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" \n,\t", ":"), (",,", ":"), (";", ":")])
FRAMES = st.sampled_from(
    [
        '{"instances":%s}',
        ' {\n"instances" : %s } \n',
        '{"instances":%s',
        '{"instances":%s,}',
        '{"instances":%s}}',
        '{"instances":[%s]}',
        '{"instances":%s, "size": 5}',
        '{"size": 5, "instances":%s}',
        '{"instances":%s, "instances":[[1, 2]]}',
        '{"\\u0069nstances":%s}',
        "%s",
    ]
)


def outcome(contract: InstanceParser, body: bytes) -> Any:
    try:
        rows = contract.parse(body)
    except Problem as problem:
        return problem.status, problem.errors
    return rows.single, np.nan_to_num(rows.values, nan=-7).tolist()


@given(
    st.sampled_from(CONTRACTS),
    st.lists(ROWS, max_size=8),
    SEPARATORS,
    FRAMES,
    st.sampled_from([1, 10, 30]),
)
def test_pieces_give_what_the_whole_gives(
    judge: InstanceParser, rows: list[Any], separators: tuple[str, str], frame: str, size: int
) -> None:
    body = (frame % json.dumps(rows, separators=separators)).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "MIN_BYTES", 1)
        patch.setattr(pieces, "CHUNK_BYTES", size)
        in_pieces = outcome(judge, body)
        patch.setattr(contract, "split_body", lambda _: None)
        whole = outcome(judge, body)
        # Of a body with two errors, either may be reported.
        assert (whole[0] == in_pieces[0] == 422) or whole == in_pieces


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("named", [False, True])
def test_good_rows_in_pieces(number: int, named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = GOOD[number] * 4
    if named:
        rows = [dict(zip(NAMES[number], row, strict=True)) for row in rows]
    body = json.dumps({"instances": rows}).encode()
    monkeypatch.setattr(pieces, "MIN_BYTES", 1)
    monkeypatch.setattr(pieces, "CHUNK_BYTES", 1)
    assert len(list(split_body(body) or [])) == len(rows)
    parsed = CONTRACTS[number].parse(body)
    assert np.isnan(parsed.values).tolist() == [[False, row[1] is None] for row in GOOD[number] * 4]


def test_errors_name_the_row_of_the_whole_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MIN_BYTES", 1)
    monkeypatch.setattr(pieces, "CHUNK_BYTES", 1)
    body = json.dumps({"instances": [[5, 1]] * 20 + [[0, 1], [5]]}).encode()
    status, errors = outcome(CONTRACTS[0], body)
    assert status == 422
    assert errors == [
        {"field": "instances.20.size", "rule": "must be an integer from 1 to 10"},
        {"field": "instances.21", "rule": "must have 2 values"},
    ]


def test_too_many_rows_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MIN_BYTES", 1)
    monkeypatch.setattr(pieces, "CHUNK_BYTES", 1)
    body = json.dumps({"instances": [[5, 1]] * 51}).encode()
    rule = "must have at most 50 rows"
    assert outcome(CONTRACTS[0], body) == (422, [{"field": "instances", "rule": rule}])


@pytest.mark.parametrize("rows", ["[1,2],[1,2", "[1,2],,[1,2]", "[1,2],[1,2],", "[1,2] [1,2]"])
def test_what_is_malformed_is_so_in_pieces(rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MIN_BYTES", 1)
    monkeypatch.setattr(pieces, "CHUNK_BYTES", 1)
    assert outcome(CONTRACTS[0], b'{"instances": [%b]}' % rows.encode()) == (400, [])
