"""Calibration against known values, identities, simulation and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.evaluation.calibration import (
    brier_decomposition,
    calibration_error,
    calibration_error_floor,
    calibration_intercept,
    calibration_slope,
)
from model.evaluation.metrics import brier
from model.metrics.reliability import reliability_curve

SCORED = st.lists(
    st.tuples(
        st.booleans(), st.one_of(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.floats(0, 1))
    ),
    min_size=1,
    max_size=40,
)


def arrays(scored: list[tuple[bool, float]]) -> tuple[Array, Array]:
    labels, probabilities = zip(*scored, strict=True)
    return np.array(labels, bool), np.array(probabilities, float)


def drawn(rows: int, intercept: float, slope: float, seed: int = 0) -> tuple[Array, Array]:
    """Draw labels whose true log-odds are intercept + slope · those of the probabilities."""
    generator = np.random.default_rng(seed)
    z = generator.normal(-0.5, 1.5, rows)
    truth = 1 / (1 + np.exp(-intercept - slope * z))
    return generator.random(rows) < truth, 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(("intercept", "slope"), [(0, 1), (0.7, 1), (0, 0.5), (-1, 2), (0, -1)])
def test_slope_and_intercept_of_drawn_labels(intercept: float, slope: float) -> None:
    labels, probabilities = drawn(20_000, intercept, slope)
    assert calibration_slope(labels, probabilities) == pytest.approx(slope, abs=0.06)
    if slope == 1:
        found = calibration_intercept(labels, probabilities)
        assert found == pytest.approx(intercept, abs=0.06)


@pytest.mark.parametrize("seed", range(10))
def test_slope_against_scikit_learn(seed: int) -> None:
    theirs = pytest.importorskip(
        "sklearn.linear_model", reason="compares with scikit-learn, which is not a dependency"
    )
    labels, probabilities = drawn(60 + 100 * seed, 0.4, 0.7, seed)
    z = np.log(probabilities / (1 - probabilities))
    fitted = theirs.LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(z[:, None], labels)
    assert calibration_slope(labels, probabilities) == pytest.approx(fitted.coef_[0, 0], rel=1e-5)


@given(SCORED)
def test_intercept_corrects_the_mean(scored: list[tuple[bool, float]]) -> None:
    """The derivative of the likelihood is 0: shifted probabilities sum to the positives."""
    labels, probabilities = arrays(scored)
    intercept = calibration_intercept(labels, probabilities)
    if labels.all() or not labels.any():
        assert intercept is None
        return
    assert intercept is not None
    epsilon = np.finfo(float).eps
    p = np.clip(probabilities, epsilon, 1 - epsilon)
    shifted = 1 / (1 + np.exp(-intercept) * (1 - p) / p)
    assert shifted.sum() == pytest.approx(labels.sum(), abs=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.4, 0.7, 0.95])), min_size=1))
def test_derivative_of_the_likelihood_is_zero_at_the_slope(
    scored: list[tuple[bool, float]],
) -> None:
    labels, probabilities = arrays(scored)
    slope = calibration_slope(labels, probabilities)
    positive, negative = probabilities[labels], probabilities[~labels]
    parted = positive.min(initial=2) >= negative.max(initial=-1)
    if parted or negative.min(initial=2) >= positive.max(initial=-1):
        assert slope is None
    else:
        assert slope is not None
        # At this slope and its best intercept, errors and log-odds do not covary.
        z = np.log(probabilities / (1 - probabilities))
        intercept = calibration_intercept(labels, 1 / (1 + np.exp(-slope * z)))
        assert intercept is not None
        fitted = 1 / (1 + np.exp(-intercept - slope * z))
        assert ((labels - fitted) * z).sum() == pytest.approx(0, abs=1e-6)


def test_separated_classes_have_no_slope() -> None:
    labels = np.array([False, False, True, True])
    assert calibration_slope(labels, np.array([0.1, 0.2, 0.6, 0.9])) is None
    assert calibration_slope(labels, np.array([0.9, 0.6, 0.2, 0.1])) is None
    assert calibration_slope(labels, np.array([0.1, 0.5, 0.5, 0.9])) is None
    assert calibration_slope(labels, np.full(4, 0.5)) is None
    assert calibration_slope(labels, np.array([0.1, 0.6, 0.5, 0.9])) is not None
    assert calibration_slope(np.ones(4, bool), np.array([0.1, 0.2, 0.6, 0.9])) is None


def test_certain_and_wrong_probabilities_stay_finite() -> None:
    labels = np.array([False, True, True, False, True])
    certain = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    # Half of the rows with p = 0 are positive, and two thirds of those with p = 1; their log-odds
    # are ±log(1/ε).
    apart = 2 * np.log(1 / np.finfo(float).eps)
    assert calibration_slope(labels, certain) == pytest.approx(np.log(2) / apart, rel=1e-3)
    assert calibration_intercept(labels, certain) is not None


@given(SCORED, st.integers(1, 20))
def test_brier_decomposition_sums_to_the_score(scored: list[tuple[bool, float]], bins: int) -> None:
    labels, probabilities = arrays(scored)
    parts = brier_decomposition(labels, probabilities, bins)
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within_bins"]
    assert total == pytest.approx(brier(labels, probabilities), abs=1e-12)
    assert min(parts["reliability"], parts["resolution"], parts["uncertainty"]) >= 0
    assert parts["resolution"] <= parts["uncertainty"] + 1e-12


def test_brier_decomposition_with_known_values() -> None:
    """Two bins with one probability each have no variance within bins."""
    labels = np.array([False, False, False, True, True, True, True, False])
    parts = brier_decomposition(labels, np.array([0.1] * 4 + [0.9] * 4))
    assert parts == pytest.approx(
        {
            "reliability": 0.15**2,
            "resolution": 0.25**2,
            "uncertainty": 0.25,
            "within_bins": 0,
        }
    )


@given(SCORED, st.integers(1, 20))
def test_calibration_error_follows_from_the_curve(
    scored: list[tuple[bool, float]], bins: int
) -> None:
    labels, probabilities = arrays(scored)
    curve = reliability_curve(labels, probabilities, bins)
    gaps = [each.rows * abs(each.mean_probability - each.share_of_positives) for each in curve]
    expected = pytest.approx(sum(gaps) / len(labels), abs=1e-12)
    assert calibration_error(labels, probabilities, bins) == expected


def test_floor_with_known_values() -> None:
    """The error of one row is 1 − p with probability p, else p: 2 p (1 − p) on average."""
    assert calibration_error_floor(np.array([0.3])) == pytest.approx(0.42, abs=0.02)
    assert calibration_error_floor(np.array([0.0, 1.0])) == 0
    # n rows with p = 0.5 in one bin: the mean absolute deviation of a binomial share, √(1 / 2πn).
    expected = np.sqrt(1 / (2 * np.pi * 500))
    assert calibration_error_floor(np.full(500, 0.5)) == pytest.approx(expected, rel=0.06)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=20))
def test_floor_is_positive_and_reproducible(probabilities: list[float]) -> None:
    p = np.array(probabilities)
    assert 0 < calibration_error_floor(p) == calibration_error_floor(p)


def test_error_of_a_calibrated_model_is_at_the_floor() -> None:
    errors = [calibration_error(*drawn(500, 0, 1, seed)) for seed in range(100)]
    floor = np.mean([calibration_error_floor(drawn(500, 0, 1, seed)[1]) for seed in range(5)])
    assert np.mean(errors) == pytest.approx(float(floor), rel=0.1)
    assert calibration_error(*drawn(500, 0, 0.4)) > 2 * floor
