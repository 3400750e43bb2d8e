"""Tests of model.metrics.reliability: known values, and scikit-learn's calibration curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.metrics.confusion_matrix import wilson_interval
from model.metrics.reliability import reliability_curve


def test_known_values() -> None:
    labels = np.array([False, True, True, True])
    low, high = reliability_curve(labels, np.array([0.1, 0.15, 0.95, 1.0]))
    assert (low.low, low.high, high.low, high.high) == (0.1, 0.2, 0.9, 1.0)
    assert (low.rows, low.positives, high.positives) == (2, 1, 2)
    assert (low.mean_probability, low.share_of_positives) == (0.125, 0.5)
    assert (high.mean_probability, high.share_of_positives) == (0.975, 1)
    assert (low.interval, high.interval) == (wilson_interval(1, 2), wilson_interval(2, 2))
    assert reliability_curve(labels[:0], np.empty(0)) == ()


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=30), st.sampled_from([1, 5, 10])
)
def test_every_row_is_in_its_bin(scored: list[tuple[bool, float]], bins: int) -> None:
    labels = np.array([label for label, _ in scored], bool)
    probabilities = np.array([probability for _, probability in scored], float)
    curve = reliability_curve(labels, probabilities, bins)
    assert sum(each.rows for each in curve) == len(scored)
    assert sum(each.positives for each in curve) == labels.sum()
    for each in curve:
        assert each.low - 1e-9 <= each.mean_probability <= each.high + 1e-9


def test_against_scikit_learn() -> None:
    theirs = pytest.importorskip(
        "sklearn.calibration", reason="compares with scikit-learn, which is not a dependency"
    )
    for seed in range(10):
        generator = np.random.default_rng(seed)
        probabilities = generator.random(200)
        labels = generator.random(200) < probabilities
        curve = reliability_curve(labels, probabilities, 15)
        shares, means = theirs.calibration_curve(labels, probabilities, n_bins=15)
        assert [each.share_of_positives for each in curve] == pytest.approx(shares.tolist())
        assert [each.mean_probability for each in curve] == pytest.approx(means.tolist())
