"""Rows of all containers become the same JSON."""

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from malignancy.rows import instance_of, instances_of, plain

OBJECTS: list[dict[str, Any]] = [{"age": 40, "kind": "a"}, {"age": None, "kind": "b"}]


class PolarsFrame:
    """The two members of polars' frames that are used."""

    columns = ("age", "kind")

    def to_dicts(self) -> list[dict[str, Any]]:
        return OBJECTS


class ArrowTable:
    """The member of pyarrow's tables that is used."""

    def to_pylist(self) -> list[dict[str, Any]]:
        return OBJECTS


@pytest.mark.parametrize(
    "rows",
    [
        OBJECTS,
        tuple(OBJECTS),
        pd.DataFrame(OBJECTS),
        pd.DataFrame(OBJECTS).convert_dtypes(),
        PolarsFrame(),
        ArrowTable(),
    ],
)
def test_rows_become_objects(rows: Any) -> None:
    assert instances_of(rows) == OBJECTS


def test_numbers_of_numpy_become_numbers() -> None:
    found = instances_of(np.array([[1, 2], [3, 4]], np.int16))
    assert json.dumps(found) == "[[1, 2], [3, 4]]"
    assert instances_of(np.array([[1.5, np.nan]])) == [[1.5, None]]
    assert instances_of([np.array([1, 2])]) == [[1, 2]]
    row = {"a": np.float32(0.5), "b": np.bool_(True), "c": np.str_("x"), "d": np.int64(3)}
    assert json.dumps(instance_of(row)) == '{"a": 0.5, "b": true, "c": "x", "d": 3}'


@pytest.mark.parametrize("value", [None, math.nan, np.nan, pd.NA, pd.NaT, Decimal("NaN")])
def test_missing_values_are_null(value: Any) -> None:
    assert plain(value) is None


def test_a_decimal_is_a_number() -> None:
    assert plain(Decimal("1.5")) == 1.5


@pytest.mark.parametrize("rows", ["abc", b"abc", 3, None])
def test_other_containers_are_rejected(rows: Any) -> None:
    with pytest.raises(TypeError, match="rows must be a sequence of rows"):
        instances_of(rows)


@pytest.mark.parametrize("rows", [[1, 2], ["ab"], [None], np.array([1, 2])])
def test_a_row_without_its_list_is_rejected(rows: Any) -> None:
    with pytest.raises(TypeError, match=r"row 0 must be .* of one row, pass \[row\]"):
        instances_of(rows)


def test_values_without_json_are_rejected() -> None:
    with pytest.raises(TypeError, match="type complex has no form in JSON"):
        instances_of([{"a": 1j}])


SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_infinity=False)


@given(st.lists(st.dictionaries(st.text(), SCALARS)) | st.lists(st.lists(SCALARS)))
def test_any_rows_are_json(rows: list[Any]) -> None:
    found = instances_of(rows)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found) == len(rows)
