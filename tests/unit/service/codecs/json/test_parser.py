"""JSON bodies: which are accepted, which are rejected, and with which errors."""

import json
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.raw_values import is_valid

from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.json.parser import InstanceParser, ParsedRows
from service.problems import FieldError, Problem

SCHEMA = Schema(
    features=(
        Feature(name="size", type="integer", minimum=1, maximum=10),
        Feature(name="bare nuclei", type="integer", minimum=1, maximum=10, may_be_missing=True),
        Feature(name="mass", minimum=0),
    ),
    target=Binary(negative="benign", positive="malignant"),
)
CONTRACT = InstanceParser(SCHEMA, max_rows=4)
ROW = {"size": 5, "bare nuclei": 2, "mass": 0.25}
SIZE_RULE = "must be an integer from 1 to 10"


def parse(value: Any) -> ParsedRows:
    return CONTRACT.parse(value if isinstance(value, bytes) else json.dumps(value).encode())


def refused(value: Any, contract: InstanceParser = CONTRACT) -> list[FieldError]:
    with pytest.raises(Problem) as caught:
        contract.parse(value if isinstance(value, bytes) else json.dumps(value).encode())
    assert caught.value.status == 422
    return caught.value.errors


def test_one_object_is_one_row_in_the_schemas_order() -> None:
    rows = parse({"mass": 0.25, "bare nuclei": 2, "size": 5.0})
    assert rows.single
    assert rows.values.tolist() == [[5.0, 2.0, 0.25]]
    assert rows.values.dtype == np.float64


@pytest.mark.parametrize("row", [ROW, [5, 2, 0.25]])
def test_instances_are_objects_or_arrays(row: Any) -> None:
    rows = parse({"instances": [row, row]})
    assert not rows.single
    assert rows.values.tolist() == [[5.0, 2.0, 0.25]] * 2


@pytest.mark.parametrize(
    "rows",
    [
        [ROW, {"size": 1, "mass": 0}, {"size": 1, "bare nuclei": None, "mass": 0}],
        [[5, 2, 0.25], [1, None, 0], [1, None, 0]],
    ],
)
def test_what_may_be_missing_is_null_or_absent(rows: list[Any]) -> None:
    parsed = parse({"instances": rows})
    assert np.argwhere(np.isnan(parsed.values)).tolist() == [[1, 1], [2, 1]]


def test_names_may_be_written_with_escapes() -> None:
    assert parse(rb'{"\u0073ize": 5, "bare nuclei": 2, "mass": 0.25}').single
    assert not parse(rb'{"\u0069nstances": [[5, 2, 0.25]]}').single


@pytest.mark.parametrize("text", ["1e0", "1.0", "1", "10", "5.000"])
def test_an_integer_is_recognized_by_its_value(text: str) -> None:
    assert parse(f'{{"size": {text}, "mass": 1}}'.encode()).values[0, 0] == float(text)


@pytest.mark.parametrize(
    "text",
    '0 11 5.5 5.0000000001 "5" true null NaN Infinity -Infinity [] [5] {} 1e999 -1e999 '
    "123456789012345678901234567890 [[[[]]]]".split(),
)
def test_a_value_that_breaks_its_rule(text: str) -> None:
    error = FieldError(field="size", rule=SIZE_RULE)
    assert refused(f'{{"size": {text}, "mass": 1}}'.encode()) == [error]
    error["field"] = "instances.1.size"
    assert refused(f'{{"instances": [[5, 2, 1], [{text}, 2, 1]]}}'.encode()) == [error]


def test_a_feature_may_be_named_row() -> None:
    schema = SCHEMA.model_copy(update={"features": (Feature(name="row"),)})
    contract = InstanceParser(schema, max_rows=2)
    error = FieldError(field="row", rule="must be a number")
    assert refused({"row": "x"}, contract) == [error]
    error["field"] = "instances.0.row"
    assert refused({"instances": [{"row": "x"}]}, contract) == [error]


def test_each_feature_has_its_own_rule() -> None:
    assert refused({"size": 0, "bare nuclei": 0, "mass": -1}) == [
        {"field": "size", "rule": SIZE_RULE},
        {"field": "bare nuclei", "rule": f"{SIZE_RULE} or null"},
        {"field": "mass", "rule": "must be a number, at least 0"},
    ]


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ([], "body", "must be an object"),
        (None, "body", "must be an object"),
        ("x", "body", "must be an object"),
        ({"size": 5}, "mass", "is required"),
        ({**ROW, "sise": 5}, "sise", "is not a feature of this model"),
        ({"size": 5, "mass": 1, "sise": 5}, "sise", "is not a feature of this model"),
        ({**ROW, "a:b": "c:d"}, "a:b", "is not a feature of this model"),
        ({"instances": None}, "instances", "must be an array of rows"),
        ({"instances": {}}, "instances", "must be an array of rows"),
        ({"instances": [ROW] * 5}, "instances", "must have at most 4 rows"),
        ({"instances": [[5, 2, 1]] * 5}, "instances", "must have at most 4 rows"),
        ({"instances": [5]}, "instances.0", "must be an object or an array"),
        ({"instances": [ROW, [5, 2, 1]]}, "instances.1", "must be an object, as the first row is"),
        ({"instances": [[5, 2, 1], ROW]}, "instances.1", "must be an array, as the first row is"),
        ({"instances": [[5, 2]]}, "instances.0", "must have 3 values"),
        ({"instances": [[5, 2, 1, 1]]}, "instances.0", "must have 3 values"),
        ({"instances": [ROW, {"mass": 1}]}, "instances.1.size", "is required"),
        ({"instances": [ROW], "size": 5}, "size", "cannot stand beside instances"),
        ({"instances": [[5, 2, 1]], "x": 5}, "x", "cannot stand beside instances"),
    ],
)
def test_a_body_that_breaks_a_rule(body: Any, field: str, rule: str) -> None:
    assert refused(body) == [{"field": field, "rule": rule}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"size": 1, "mass": 1, "size": 1}', "size"),
        (b'{"size": 99, "mass": 1, "size": 1}', "size"),
        (b'{"size": 1, "mass": 1, "mass": "a:b", "mass": 1}', "mass"),
        (rb'{"size": 1, "mass": 1, "\u0073ize": 1}', "size"),
        (b'{"instances": [[1, 1, 1]], "instances": [[1, 1, 1]]}', "instances"),
        (b'{"instances": [{"size": 1, "mass": 1, "mass": 1}]}', "instances.0.mass"),
    ],
)
def test_a_name_given_twice(body: bytes, field: str) -> None:
    assert refused(body)[0] == {"field": field, "rule": "is given twice"}


def test_an_absent_name_does_not_make_room_for_an_unknown_one() -> None:
    rows = [{"size": 1, "mass": 1, "x": 1}, {"size": 1, "mass": 1}]
    assert refused({"instances": rows}) == [
        {"field": "instances.0.x", "rule": "is not a feature of this model"}
    ]


def test_a_clients_own_name_is_clipped_and_made_printable() -> None:
    (error,) = refused({**ROW, "\u202e\n" * 5000: 1})
    assert error["field"] == "??" * 50 + "…"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"nul",
        b"\x00",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b'{"\xff": 1}',
        b'{"size": "\\ud800"}',
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"size": ' + b"1" * 100_000 + b"}",
        b"{'size': 1}",
        b'{"size": 1,}',
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse(body)
    assert caught.value.status == 400
    assert caught.value.errors == []


def test_at_most_ten_errors_soon_even_for_many_bad_rows() -> None:
    contract = InstanceParser(SCHEMA, max_rows=200_000)
    body = json.dumps({"instances": [[99, 99, -1]] * 200_000}).encode()
    start = time.perf_counter()
    errors = refused(body, contract)
    assert time.perf_counter() - start < 5  # about 0.3 on a quiet machine
    assert [error["field"].split(".")[1] for error in errors] == list("0001112223")


def test_an_integer_without_a_range_is_any_integer() -> None:
    schema = SCHEMA.model_copy(update={"features": (Feature(name="n", type="integer"),)})
    contract = InstanceParser(schema, max_rows=1)
    assert contract.parse(b'{"n": -7e3}').values.tolist() == [[-7000.0]]
    assert contract.parse(b'{"n": 1e300}').values.tolist() == [[1e300]]
    assert refused(b'{"n": 0.5}', contract) == [{"field": "n", "rule": "must be an integer"}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["size", "mass", "bare nuclei", "instances", "x"]), inner)
    ),
    max_leaves=20,
)
good_rows = st.fixed_dictionaries(
    {"size": st.integers(1, 10), "mass": st.floats(0, 1e6)},
    optional={"bare nuclei": st.none() | st.integers(1, 10)},
)


@settings(deadline=None)
@given(json_values)
def test_any_json_is_taken_or_refused_with_a_reason(value: Any) -> None:
    try:
        rows = parse(value)
    except Problem:
        assert 1 <= len(refused(value)) <= 10
        assert refused(value)[0]["rule"] != "does not fit this model"
    else:
        for row in rows.values:
            assert all(map(is_valid, SCHEMA.features, row))


@settings(deadline=None)
@given(st.lists(good_rows, min_size=1, max_size=4))
def test_every_good_row_is_taken(rows: list[dict[str, Any]]) -> None:
    parsed = parse({"instances": rows})
    expected = [[row.get(name) for name in SCHEMA.names] for row in rows]
    np.testing.assert_array_equal(parsed.values, np.array(expected, dtype=float))
    assert parse(rows[0]).values.shape == (1, 3)


@settings(deadline=None)
@given(good_rows, st.sampled_from(["size", "mass", "x"]), json_values)
def test_one_more_name_is_always_refused(row: dict[str, Any], name: str, value: Any) -> None:
    body = f"{json.dumps(row)[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}".encode()
    assert refused(body)[0]["rule"] != "does not fit this model"


def test_a_member_that_is_null_is_absent() -> None:
    rows = parse({"size": None, "instances": [ROW], "other": None})
    assert not rows.single
    assert rows.values.tolist() == parse({"instances": [ROW]}).values.tolist()
    one = parse({"instances": None, **ROW})
    assert one.single
    assert one.values.tolist() == rows.values.tolist()


def test_no_rows() -> None:
    rows = parse({"instances": []})
    assert (rows.single, rows.values.shape) == (False, (0, 3))
