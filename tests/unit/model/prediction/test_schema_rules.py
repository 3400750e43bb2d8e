"""Rules of features as one vectorized check, against the same rules in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.raw_values import is_valid

from model.prediction.schema import Feature
from model.prediction.schema_rules import SchemaRules

SCORE = Feature(name="score", type="integer", minimum=1, maximum=10)
FEATURES = (
    SCORE,
    Feature(name="a", type="integer", may_be_missing=True),
    Feature(name="b", minimum=0.1),
    Feature(name="c", maximum=9.5, may_be_missing=True),
    Feature(name="d", type="category", categories=("x", "y", "z")),
    Feature(name="e", type="category", categories=("x", "y"), may_be_missing=True),
    Feature(name="f", type="boolean"),
    Feature(name="g", type="integer", minimum=1, maximum=10, out_of_range="clip"),
    Feature(name="h", minimum=0.1, out_of_range="clip", may_be_missing=True),
    Feature(name="i", type="category", categories=("x", "y", "z"), unseen="other"),
)
VALUES = st.floats() | st.sampled_from([-1.0, -0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 9.5, 10.0, 11.0])


@pytest.mark.parametrize("value", [1, 2, 10, 5.0])
def test_a_value_in_range_is_valid(value: float) -> None:
    assert SchemaRules([SCORE]).check(np.array([[value]], dtype=float)) is None


@pytest.mark.parametrize("value", [0.0, 11.0, 1.5, math.inf, -math.inf, math.nan, 1e300])
def test_a_value_that_breaks_the_rule_is_invalid(value: float) -> None:
    invalid = SchemaRules([SCORE]).check(np.array([[value]]))
    assert invalid is not None
    assert invalid.tolist() == [[True]]


@given(
    st.lists(st.sampled_from(FEATURES), min_size=1, max_size=5).flatmap(
        lambda features: st.tuples(
            st.just(features),
            st.lists(st.tuples(*[VALUES] * len(features)), min_size=1, max_size=4),
        )
    )
)
def test_check_equals_the_rules_of_each_value(
    case: tuple[list[Feature], list[tuple[float, ...]]],
) -> None:
    features, rows = case
    expected = [[not is_valid(*pair) for pair in zip(features, row, strict=True)] for row in rows]
    invalid = SchemaRules(features).check(np.array(rows))
    if invalid is None:
        assert not np.any(expected)
        assert not np.isnan(rows).any()
        assert not SchemaRules(features).outside(np.array(rows)).any()
    else:
        assert invalid.tolist() == expected


@pytest.mark.parametrize(
    ("value", "is_outside"), [(1, False), (10, False), (11, True), (-1e308, True)]
)
def test_a_number_out_of_range_is_valid_where_it_is_clipped(value: float, is_outside: bool) -> None:
    rules = SchemaRules([SCORE.model_copy(update={"out_of_range": "clip"})])
    values = np.array([[value]], dtype=float)
    invalid = rules.check(values)
    assert rules.outside(values).tolist() == [[is_outside]]
    assert (invalid is None) is not is_outside
    assert invalid is None or invalid.tolist() == [[False]]


def test_numbers_that_are_read_as_missing() -> None:
    rules = SchemaRules(FEATURES[:7], ("-9", "2.0", "?", "0"))
    values = np.array([[-9, 2, 0, 1, 2, 0, 0], [1, 0.0, -9.5, -9, 0, 1, 1]], dtype=float)
    nan = math.nan  # not of the categories and the boolean, whose numbers are codes
    expected = [[nan, nan, nan, 1, 2, 0, 0], [1, nan, -9.5, nan, 0, 1, 1]]
    np.testing.assert_array_equal(rules.with_gaps(values), expected)
    assert values[0, 0] == -9
    assert SchemaRules(FEATURES[:7], ("?",)).with_gaps(values) is values
