"""The encoder and its fit against their definitions; encoding is independent of the batch."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model.arrays import Array
from model.errors import DataError
from model.prediction.encoder import Encoder, check_transforms, inputs_of
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from model.training.tables.fit_encoder import SCALINGS, fit_encoder

NAN = float("nan")
ROWS = hnp.arrays(np.float64, (5, 2), elements=st.floats(-1e6, 1e6, width=32))
MIXED: list[dict[str, Any]] = [
    {"name": "size", "minimum": 0},
    {"name": "colour", "type": "category", "categories": ["red", "green", "blue"]},
    {"name": "smokes", "type": "boolean"},
    {"name": "score", "type": "integer", "minimum": 1, "maximum": 10},
]


def schema(*features: dict[str, Any]) -> Schema:
    given: list[dict[str, Any]] = list(features) or [{"name": "a"}, {"name": "b"}]
    made = tuple(Feature(may_be_missing=True, **each) for each in given)
    return Schema(features=made, target=Binary(negative="no", positive="yes"))


def fitted(rows: Any, method: str = "min-max", fill: str = "median") -> Encoder:
    return fit_encoder(np.array(rows), schema(), method, ("", ""), fill)


def test_fit_with_known_values() -> None:
    encoder = fitted([[1.0, 10.0], [3.0, NAN], [4.0, 30.0]])
    assert encoder.center.tolist() == [1, 10]
    assert encoder.spread.tolist() == [3, 20]
    assert encoder.fill.tolist() == [3, 20]


def test_encode_fills_then_scales() -> None:
    encoder = Encoder((0, 0), ("", ""), *np.array([[2.0, 0.0], [1.0, 10.0], [2.0, 5.0]]))
    rows = np.array([[3.0, 15.0], [NAN, 10.0], [1.0, NAN]])
    before = rows.copy()
    assert encoder.encode(rows).tolist() == [[1, 1], [0.5, 0], [0, -2]]
    np.testing.assert_array_equal(rows, before)


def test_numbers_are_clipped_to_their_range_before_the_transform() -> None:
    features = (
        Feature(name="a", minimum=1, maximum=100, out_of_range="clip"),
        Feature(name="b", type="category", categories=("x", "y"), unseen="other"),
    )
    of_two = Schema(features=features, target=Binary(negative="no", positive="yes"))
    rows = np.array([[1.0, 0], [100, 1], [-5, 2], [1e300, 2], [NAN, 2]])
    encoder = fit_encoder(rows, of_two, "min-max", ("log", ""))
    middle = np.log(50.5) / np.log(100)  # the fill value is the median
    expected = [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 1], [middle, 0, 0, 1]]
    np.testing.assert_allclose(encoder.encode(rows), expected)
    assert encoder.fill.tolist() == [50.5, 0]  # no missing category is imputed as unknown


@given(ROWS)
def test_min_max_scales_fitted_rows_to_the_unit_interval(rows: Array) -> None:
    assume((rows.max(axis=0) > rows.min(axis=0)).all())
    encoder = fitted(rows)
    scaled = encoder.encode(rows)
    assert scaled.min(axis=0).tolist() == [0, 0]
    assert scaled.max(axis=0).tolist() == [1, 1]
    np.testing.assert_allclose(
        scaled * encoder.spread + encoder.center, rows, atol=1e-9 * np.abs(rows).max()
    )


def test_scaling_methods() -> None:
    rows = np.random.default_rng(0).normal(5, 3, (1001, 2))
    standard = fitted(rows, "standard").encode(rows)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-12)
    robust = fitted(rows, "robust").encode(rows)
    quartiles = np.quantile(robust, [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose(quartiles[1], 0, atol=1e-12)
    np.testing.assert_allclose(quartiles[2] - quartiles[0], 1)
    assert (fitted(rows, "none").encode(rows) == rows).all()


@pytest.mark.parametrize("method", SCALINGS)
def test_missing_values_are_ignored_by_the_fit(method: str) -> None:
    rows = np.random.default_rng(0).normal(5, 3, (50, 2))
    gaps = np.vstack([rows, [[NAN, NAN]] * 20])
    for part in ("fill", "center", "spread"):
        np.testing.assert_array_equal(
            getattr(fitted(gaps, method), part), getattr(fitted(rows, method), part)
        )


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_intervals_are_a_piecewise_linear_encoding(seed: int, intervals: int) -> None:
    """Inputs of a number sum to its interpolated rank among the ends of the intervals."""
    generator = np.random.default_rng(seed)
    rows = np.column_stack([generator.normal(0, 9, 60), generator.integers(0, 3, 60)])
    encoder = fit_encoder(rows, schema(), "standard", ("", ""), intervals=intervals)
    assert inputs_of(schema(), intervals) == 2 * (1 + intervals)
    new = np.column_stack([generator.normal(0, 20, 30), generator.uniform(-1, 4, 30)])
    encoded = encoder.encode(new)
    plain = fit_encoder(rows, schema(), "standard", ("", "")).encode(new)
    for feature in range(2):
        number, *positions = encoded[:, encoder.columns[0] == feature].T
        np.testing.assert_array_equal(number, plain[:, feature])
        shares = np.array(positions).T + 0.5
        assert ((shares >= 0) & (shares <= 1)).all()
        quantiles = np.quantile(rows[:, feature], np.linspace(0, 1, intervals + 1))
        is_empty = np.diff(quantiles) == 0
        assert (shares[:, is_empty] == 0).all()
        # An interval begins where the last one ends.
        assert (np.diff(shares[:, ~is_empty], axis=1) <= 0).all()
        ends = np.unique(quantiles)
        ranks = np.interp(new[:, feature], ends, np.arange(len(ends)))
        np.testing.assert_allclose(shares.sum(axis=1), ranks, atol=1e-9)


def test_intervals_are_of_numbers_only() -> None:
    rows = np.array([[4.0, 2, 1, 5], [9.0, 0, 0, 10], [NAN, NAN, NAN, NAN], [0.0, 2, 0, 1]])
    encoder = fit_encoder(rows, schema(*MIXED), "standard", ("", "", "", ""), intervals=2)
    assert inputs_of(schema(*MIXED), 2) == 6 + 2 * 2
    assert encoder.columns[0].tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3, 3]
    middle = encoder.encode(rows)[2]  # the missing number is the median: the first interval's end
    assert middle[1:3].tolist() == [0.5, -0.5]
    assert middle[3:7].tolist() == [0, 0, 1, 0]


@given(st.floats(0.1, 10), st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=20, unique=True))
def test_smooth_clip(limit: float, values: list[float]) -> None:
    rows = np.column_stack([values, np.arange(len(values), dtype=float)])
    encoder = fit_encoder(rows, schema(), "standard", ("", ""), smooth_clip=limit)
    z = fit_encoder(rows, schema(), "standard", ("", "")).encode(rows)
    np.testing.assert_allclose(encoder.encode(rows), z / np.sqrt(1 + (z / limit) ** 2))
    far = encoder.center + 1e200 * encoder.spread * np.array([[1, -1]])
    np.testing.assert_allclose(encoder.encode(far), [[limit, -limit]])


def test_robust_scaling_of_mostly_equal_values() -> None:
    """Half of the range replaces quartiles that are equal."""
    rows = np.column_stack([[0.0] * 9 + [4], np.arange(10)])
    assert fitted(rows, "robust").spread.tolist() == [2, 4.5]


def test_mode_fills() -> None:
    rows = [[3.0, 1.0], [3.0, 2.0], [NAN, 1.0], [1.0, NAN]]
    assert fitted(rows, fill="mode").fill.tolist() == [3, 1]


def test_one_hot_encoding() -> None:
    rows = np.array([[4.0, 2, 1, 5], [9.0, 0, 0, 10], [NAN, NAN, NAN, NAN], [0.0, 2, 0, 1]])
    encoder = fit_encoder(rows, schema(*MIXED), "min-max", ("sqrt", "", "", ""))
    assert inputs_of(schema(*MIXED)) == 6
    assert encoder.fill.tolist() == [4, 2, 0, 5]
    third = 4 / 9
    expected: list[list[float]] = [
        [2 / 3, 0, 0, 1, 1, third],
        [1, 1, 0, 0, 0, 1],
        [2 / 3, 0, 0, 1, 0, third],
        [0, 0, 0, 1, 0, 0],
    ]
    np.testing.assert_allclose(encoder.encode(rows), expected, rtol=1e-15)


@given(st.integers(0, 10**6))
def test_row_is_encoded_alike_alone_and_in_a_batch(seed: int) -> None:
    generator = np.random.default_rng(seed)
    columns = [generator.exponential(5, 40), *generator.integers(0, [[3], [2], [9]], (3, 40))]
    rows = np.array(columns, dtype=float).T + np.array([0, 0, 0, 1])
    rows[generator.random(rows.shape) < 0.1] = NAN
    encoder = fit_encoder(rows, schema(*MIXED), "standard", ("log1p", "", "", "sqrt"))
    together = encoder.encode(rows)
    for index in range(len(rows)):
        assert (encoder.encode(rows[index : index + 1])[0] == together[index]).all()


@pytest.mark.parametrize("unit", [1e300, 1e-300])
def test_very_large_and_very_small_numbers_are_scaled(unit: float) -> None:
    rows = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]])
    expected = fitted(rows, "standard").encode(rows)
    scaled = rows * unit
    found = fitted(scaled, "standard").encode(scaled)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_numbers_that_are_too_large_to_be_scaled() -> None:
    with pytest.raises(DataError, match=r"^feature 'b' has numbers that are too large to be scal"):
        fitted([[1.0, 1.7e308], [2.0, -1.7e308]])


@pytest.mark.parametrize("column", [[7.0, 7.0, 7.0], [7.0, NAN, 7.0], [0.1, 0.1, 0.1]])
def test_feature_without_spread(column: list[float]) -> None:
    rows = np.column_stack([[1.0, 2.0, 3.0], column])
    encoder = fitted(rows)
    assert (encoder.center[1], encoder.spread[1]) == (pytest.approx(column[0]), 1)
    assert np.abs(encoder.encode(rows)[:, 1]).max() < 1e-15
    with pytest.raises(DataError, match=r"^feature 'b' has no value in any row$"):
        fitted([[1.0, NAN], [2.0, NAN]])


@pytest.mark.parametrize(
    ("transforms", "why"),
    [
        (("sqrt",), "there must be one transform for each feature"),
        (("root", "", "", ""), "transform of 'size' must be one of sqrt, log, log1p, got 'root'"),
        (("", "sqrt", "", ""), "transform sqrt is for numbers, not for 'colour'"),
        (("log", "", "", ""), "transform log needs 'size' to have a minimum above 0"),
        (("sqrt", "log1p", "", ""), "transform log1p is for numbers, not for 'colour'"),
    ],
)
def test_transforms_are_checked(transforms: tuple[str, ...], why: str) -> None:
    with pytest.raises(DataError, match=why):
        check_transforms(schema(*MIXED), transforms)
    check_transforms(schema(*MIXED), ("log1p", "", "", "log"))
    with pytest.raises(DataError, match="needs 'a' to have a minimum at least 0"):
        check_transforms(schema(), ("sqrt", ""))
