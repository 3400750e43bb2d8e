"""Columns by name: typed columns give the same numbers and errors as their text."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.raw_values import is_valid

from model.arrays import Array
from model.errors import DataError
from model.prediction.cells import CellParser
from model.prediction.schema import Feature
from model.training.tables.columns import as_text, read_rows, read_text

SMALL = st.integers(-3, 12)
INTEGERS = st.one_of(SMALL, st.integers(-(2**63), 2**63 - 1))
FLOAT = st.one_of(SMALL.map(float), st.floats())
KINDS = {
    "int8": st.integers(-3, 12),
    "int64": INTEGERS,
    "uint64": st.integers(0, 2**64 - 1),
    "float": st.floats(width=32),
    "double": FLOAT,
    "bool": st.booleans(),
    "string": st.one_of(
        INTEGERS.map(str), FLOAT.map(repr), st.sampled_from(["", " 4 ", "x", "1_0"])
    ),
}
CELLS = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(st.none() | KINDS[kind], min_size=1, max_size=8))
)
BOUND = st.none() | st.floats(-5, 2), st.none() | st.floats(3, 15)
NUMBERS = st.builds(
    lambda kind, low, high: Feature(name="a", type=kind, minimum=low, maximum=high),
    st.sampled_from(["integer", "number"]),
    *BOUND,
)
FEATURES = NUMBERS | st.sampled_from(
    [
        Feature(name="a", type="boolean"),
        Feature(name="a", type="category", categories=("1", "2", "True")),
    ]
)


def outcome(frame: pd.DataFrame, feature: Feature) -> Array | str:
    try:
        return read_rows(frame, [feature], gaps=1)[:, 0]
    except DataError as error:
        return str(error)


def read_cell_by_cell(column: "pd.Series[str]", feature: Feature) -> Array | str:
    """Parse and check each cell in turn."""
    numbers = []
    for line, text in column.items():
        numbers.append(CellParser(feature)(text))
        if not math.isnan(numbers[-1]) and not is_valid(feature, numbers[-1]):
            return f"line {line}, column 'a': {feature.rule}"
    return np.array(numbers, dtype=float)


@pytest.mark.reference
@given(CELLS, FEATURES)
def test_typed_columns_equal_their_text(
    kind_and_cells: tuple[str, list[object]], feature: Feature
) -> None:
    reason = "Arrow's columns need the extra parquet: make oracles"
    arrow = pytest.importorskip("pyarrow", reason=reason)
    kind, cells = kind_and_cells
    whole = arrow.record_batch({"a": arrow.array(cells, kind)})
    typed = whole.to_pandas(types_mapper=pd.ArrowDtype).set_axis(range(5, 5 + len(cells)))
    text = typed.apply(as_text)
    assert text["a"].dtype == object
    expected = read_cell_by_cell(text["a"], feature)
    for frame in (typed, text):
        found = outcome(frame, feature)
        assert isinstance(found, str) == isinstance(expected, str)
        np.testing.assert_array_equal(found, expected)


@given(st.lists(KINDS["string"] | st.text(max_size=3), min_size=1, max_size=8), FEATURES)
def test_texts_equal_cell_by_cell_reading(cells: list[str], feature: Feature) -> None:
    frame = pd.DataFrame({"a": cells}, index=range(2, 2 + len(cells)), dtype=object)
    expected = read_cell_by_cell(frame["a"], feature)
    found = outcome(frame, feature)
    assert isinstance(found, str) == isinstance(expected, str)
    np.testing.assert_array_equal(found, expected)


def test_columns_are_found_by_name() -> None:
    frame = pd.DataFrame([["1", "x", "2"]], columns=["a", "b", "a"], dtype=object)
    found = read_text(frame, "b")
    assert found is not None
    assert (found.dtype.kind, found.tolist()) == ("U", ["x"])
    assert read_text(frame, None) is None
    with pytest.raises(DataError, match=r"^no column 'c'; the columns are a, b, a$"):
        read_text(frame, "c")
    with pytest.raises(
        DataError, match=r"^column 'a' occurs 2 times: rename or remove the others$"
    ):
        read_rows(frame, [Feature(name="a")])


def test_a_feature_is_read_from_its_column_or_from_one_of_its_name() -> None:
    feature = Feature(name="a", column="a\tlong name")
    for name in ("a", "a\tlong name"):
        frame = pd.DataFrame({"b": ["1"], name: ["2"]}, index=[2], dtype=object)
        assert read_rows(frame, [feature]).tolist() == [[2]]
    with pytest.raises(DataError, match=r"^no column 'a\\tlong name'; the columns are b$"):
        read_rows(frame[["b"]], [feature])
    frame["a\tlong name"] = "x"
    with pytest.raises(DataError, match=r"^line 2, column 'a\\tlong name': must be a number$"):
        read_rows(frame, [feature])


def test_empty_cells_of_optional_features_are_complete() -> None:
    frame = pd.DataFrame({"a": ["1", ""], "b": ["", "2"]}, index=[2, 3], dtype=object)
    optional = Feature(name="a", may_be_missing=True)
    assert np.isnan(read_rows(frame, [optional])).tolist() == [[False], [True]]
    with pytest.raises(DataError, match=r"^line 2, column 'b': must be a number$"):
        read_rows(frame, [optional, Feature(name="b")])
