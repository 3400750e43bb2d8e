"""Min-max scaling against its definition, and the fill for missing values."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model.arrays import Array
from model.errors import DataError
from model.scaling import Scaler, fit_min_max

NAN = float("nan")
ROWS = hnp.arrays(np.float64, (5, 2), elements=st.floats(-1e6, 1e6, width=32))


def test_fit_by_hand() -> None:
    scaler = fit_min_max(np.array([[1.0, 10.0], [3.0, NAN], [4.0, 30.0]]), ("a", "b"))
    assert scaler.center.tolist() == [1, 10]
    assert scaler.spread.tolist() == [3, 20]
    assert scaler.fill.tolist() == [3, 20]


def test_transform_fills_then_scales() -> None:
    scaler = Scaler(
        center=np.array([1.0, 10.0]), spread=np.array([2.0, 5.0]), fill=np.array([2, 0])
    )
    rows = np.array([[3.0, 15.0], [NAN, 10.0], [1.0, NAN]])
    before = rows.copy()
    assert scaler.transform(rows).tolist() == [[1, 1], [0.5, 0], [0, -2]]
    np.testing.assert_array_equal(rows, before)


@given(ROWS)
def test_rows_fitted_on_fill_the_unit_interval(rows: Array) -> None:
    assume((rows.max(axis=0) > rows.min(axis=0)).all())
    scaler = fit_min_max(rows, ("a", "b"))
    scaled = scaler.transform(rows)
    assert scaled.min(axis=0).tolist() == [0, 0]
    assert scaled.max(axis=0).tolist() == [1, 1]
    np.testing.assert_allclose(
        scaled * scaler.spread + scaler.center, rows, atol=1e-9 * np.abs(rows).max()
    )


@pytest.mark.parametrize("column", [[7.0, 7.0, 7.0], [7.0, NAN, 7.0]])
def test_feature_without_spread(column: list[float]) -> None:
    rows = np.column_stack([[1.0, 2.0, 3.0], column])
    with pytest.raises(
        DataError, match=r"^feature 'b' has the same value in every row to be scaled$"
    ):
        fit_min_max(rows, ("a", "b"))
