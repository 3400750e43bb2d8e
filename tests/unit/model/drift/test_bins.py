"""model/drift/bins.py: each valid value is in one bin, and cuts are read as they were written."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.drift.bins import (
    MAX_BINS,
    MAX_CATEGORIES,
    MAX_CUTS,
    FeatureBins,
    OutputBins,
    bins_for,
    cuts_of,
    text_of,
)
from model.errors import ArtifactError
from model.prediction.schema import Feature

SCORE = Feature(name="score", type="integer", minimum=1, maximum=10)
SIZE = Feature(name="size", minimum=0)
CLIPPED = Feature(name="size", minimum=0, maximum=100, out_of_range="clip", may_be_missing=True)
COLOUR = Feature(name="colour", type="category", categories=("red", "blue"), unseen="other")
MANY = tuple(f"c{number}" for number in range(30))
TOWN = Feature(name="town", type="category", categories=MANY, unseen="other")
SMOKES = Feature(name="smokes", type="boolean", may_be_missing=True)

numbers = st.floats(allow_infinity=False, allow_nan=False)


def named(bins: FeatureBins, *values: float) -> list[str]:
    return [bins.names[place] for place in bins.places(np.array(values)).tolist()]


def test_an_integer_of_few_levels_has_a_bin_each() -> None:
    bins = FeatureBins.fit(SCORE, np.array([1.0, 1, 10]))
    assert bins.names == (*map(str, range(1, 11)), "missing")
    assert named(bins, 1, 9, 10, math.nan) == ["1", "9", "10", "missing"]


def test_an_integer_without_limits_has_a_bin_for_each_level_that_occurs() -> None:
    bins = FeatureBins.fit(Feature(name="visits", type="integer"), np.array([0.0, 0, 2, 5]))
    assert bins.names == ("up to 0", "1 to 2", "above 2", "missing")
    assert named(bins, -7, 0, 1, 2, 3, 5, 90) == [
        "up to 0",
        "up to 0",
        "1 to 2",
        "1 to 2",
        *["above 2"] * 3,
    ]


def test_an_integer_of_many_levels_has_bins_between_quantiles() -> None:
    age = Feature(name="age", type="integer", minimum=0, maximum=120)
    bins = FeatureBins.fit(age, np.arange(100.0))
    assert bins.names[:2] == ("0 to 9", "10 to 19")
    assert bins.names[-2:] == ("90 to 120", "missing")


def test_numbers_have_ten_bins_of_as_many_rows() -> None:
    values = np.random.default_rng(0).normal(50, 10, 1000).clip(0)
    bins = FeatureBins.fit(SIZE, values)
    counts = np.bincount(bins.places(values), minlength=len(bins.names))
    assert (len(counts), counts[-1]) == (MAX_BINS + 1, 0)
    assert counts[:-1] == pytest.approx(100, abs=2)
    assert bins.names[0].startswith("0 to ")
    assert all(len(text) <= 6 for text in bins.to_text().split())  # rounded


def test_zeros_have_a_separate_bin() -> None:
    bins = FeatureBins.fit(SIZE, np.array([0.0] * 70 + [1, 2, 3] * 10))
    assert named(bins, 0, 0.5) == ["0", "0 to 1"]


def test_quantiles_of_large_numbers_stay_distinct() -> None:
    bins = FeatureBins.fit(SIZE, 1e9 + np.arange(1000) / 1000)
    assert len(bins.names) == MAX_BINS + 1


def test_clipped_numbers_have_bins() -> None:
    bins = FeatureBins.fit(CLIPPED, np.linspace(-50, 150, 1000))
    assert bins.names[-3:] == ("below range", "above range", "missing")
    found = named(bins, -1, 0, 100, 101, math.nan)
    assert found[0] == "below range"
    assert found[1].startswith("0 to ")
    assert found[2].endswith(" to 100")
    assert found[3:] == ["above range", "missing"]
    assert [bins.names[place] for place in range(*bins.outside.indices(99))] == [
        "below range",
        "above range",
    ]


def test_one_limit_has_one_bin() -> None:
    feature = Feature(name="size", maximum=100, out_of_range="clip")
    assert FeatureBins.fit(feature, np.array([1.0])).names == (
        "up to 100",
        "above range",
        "missing",
    )


def test_categories_have_a_bin_each() -> None:
    bins = FeatureBins.fit(COLOUR, np.array([0.0, 1]))
    assert bins.names == ("red", "blue", "unknown", "missing")
    assert named(bins, 0, 1, 2, math.nan) == ["red", "blue", "unknown", "missing"]


def test_the_most_frequent_of_many_categories_have_bins() -> None:
    codes = np.repeat(np.arange(30.0), np.arange(1, 31))
    bins = FeatureBins.fit(TOWN, codes)
    assert bins.names == (*MANY[-19:], "others", "unknown", "missing")
    assert named(bins, 29, 11, 10, 0, 30) == ["c29", "c11", "others", "others", "unknown"]


def test_booleans() -> None:
    bins = FeatureBins.fit(SMOKES, np.array([0.0, 1]))
    assert bins.names == ("false", "true", "missing")
    assert named(bins, 1, 0, math.nan) == ["true", "false", "missing"]


def test_a_feature_without_values_has_one_bin() -> None:
    bins = FeatureBins.fit(Feature(name="a", may_be_missing=True), np.array([math.nan]))
    assert bins.names == ("any", "missing")


@given(
    st.sampled_from([Feature(name="a"), SIZE, CLIPPED]),
    st.lists(numbers, min_size=1),
    st.lists(numbers),
)
def test_bins_of_any_numbers(feature: Feature, fitted: list[float], values: list[float]) -> None:
    bins = FeatureBins.fit(feature, np.array(fitted))
    places = bins.places(np.array([*fitted, *values, math.nan]))
    assert places.min() >= 0
    assert places.max() == places[-1] == len(bins.names) - 1
    assert (places[:-1] < places[-1]).all()
    assert len(bins.names) <= MAX_BINS + 3
    inside = [each for each in sorted(values) if 0 <= each <= 100]
    assert (np.diff(bins.places(np.array(inside))) >= 0).all()
    assert FeatureBins.from_text(feature, bins.to_text()) == bins


@given(st.lists(st.integers(-50, 50).map(float), min_size=1), st.integers(-1000, 1000))
def test_names_of_integers_state_their_bin(fitted: list[float], value: int) -> None:
    bins = FeatureBins.fit(Feature(name="a", type="integer"), np.array(fitted))
    name = bins.names[bins.places(np.array([float(value)]))[0]]
    low, high = -math.inf, math.inf
    if name.startswith("up to "):
        high = int(name.removeprefix("up to "))
    elif name.startswith("above "):
        low = int(name.removeprefix("above ")) + 1
    elif name != "any":
        ends = name.split(" to ")
        low, high = int(ends[0]), int(ends[-1])
    assert low <= value <= high


@pytest.mark.parametrize(
    ("feature", "text", "rule"),
    [
        (SIZE, "1  2", "a space between"),
        (SIZE, "1 two", "must be numbers"),
        (SIZE, "nan", "must be finite"),
        (SIZE, "inf", "must be finite"),
        (SIZE, "1.0", "must be finite numbers with a space"),
        (SIZE, "2 1", "ascending"),
        (SIZE, "1 1", "ascending"),
        (SIZE, text_of(range(MAX_CUTS + 1)), "at most 19"),
        (SIZE, "1" * 1001, "1000 characters"),
        (SCORE, "1.5", "must be integers"),
        (SMOKES, "1", "a boolean has no cuts"),
        (COLOUR, "2", "places of categories"),
        (COLOUR, "-1", "places of categories"),
        (COLOUR, "0.5", "places of categories"),
        (TOWN, "", f"more than {MAX_CATEGORIES}"),
    ],
)
def test_invalid_cuts_are_rejected(feature: Feature, text: str, rule: str) -> None:
    with pytest.raises(ArtifactError, match=rule):
        FeatureBins.from_text(feature, text)


@given(st.lists(numbers, max_size=MAX_CUTS, unique=True).map(sorted))
def test_cuts_are_read_as_they_were_written(cuts: list[float]) -> None:
    distinct = [each + 0.0 for each in cuts]
    assert cuts_of(text_of(distinct)) == tuple(distinct)


def test_probabilities_have_bins_of_a_tenth() -> None:
    bins = OutputBins("malignant")
    assert bins.names[0] == "0 to 0.1"
    assert bins.names[-1] == "0.9 to 1"
    assert bins.places(np.array([0, 0.1, 0.100001, 0.3, 1])).tolist() == [0, 0, 1, 2, 9]


def thousandth(probabilities: Array) -> Array:
    """Return the smallest k with p <= (k + 1) / 1000."""
    return np.searchsorted(np.arange(1, 1000) / 1000, probabilities)


@given(st.floats(0, 1) | st.integers(0, 1000).map(lambda k: k / 1000))
def test_bins_of_a_thousandth_are_within_those_of_a_tenth(probability: float) -> None:
    values = np.array([probability])
    assert (thousandth(values) // 100).tolist() == OutputBins("p").places(values).tolist()


def test_predicted_numbers_have_bins_between_quantiles() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    bins = OutputBins.fit("dose", values)
    counts = np.bincount(bins.places(values))
    assert counts == pytest.approx(100, abs=2)
    assert len(bins.names) == MAX_BINS
    assert OutputBins.fit("dose", np.array([])).names == ("any",)


def test_a_model_of_many_features_has_fewer_bins() -> None:
    assert [bins_for(features) for features in (1, 4000, 5000, 10_000)] == [10, 10, 8, 4]
