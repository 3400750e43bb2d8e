"""Points of curves against the confusion matrix at each threshold and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.evaluation.metrics import sensitivity_at_specificity, specificity_at_sensitivity
from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.curves import (
    all_counts,
    net_benefit,
    net_benefit_error,
    precision_recall_curve,
    roc_curve,
    thinned_thresholds,
)

SCORED = st.lists(
    st.tuples(st.booleans(), st.one_of(st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.floats(0, 1))),
    min_size=2,
    max_size=30,
).filter(lambda scored: 0 < sum(label for label, _ in scored) < len(scored))


def arrays(scored: list[tuple[bool, float]]) -> tuple[Array, Array]:
    labels, probabilities = zip(*scored, strict=True)
    return np.array(labels, bool), np.array(probabilities, float)


@given(SCORED)
def test_points_equal_the_matrix_at_their_threshold(scored: list[tuple[bool, float]]) -> None:
    labels, probabilities = arrays(scored)
    thresholds = [*sorted(set(probabilities.tolist()), reverse=True), -1.0]
    matrices = [ConfusionMatrix.at(each, labels, probabilities) for each in thresholds]
    counts = [(each.true_positive, each.false_positive) for each in matrices]
    assert list(zip(*all_counts(labels, probabilities), strict=True)) == counts
    shares = [each.summary() for each in matrices]
    false, true = roc_curve(*all_counts(labels, probabilities))
    assert true.tolist() == [each["sensitivity"] for each in shares]
    assert false.tolist() == pytest.approx([1 - each["specificity"] for each in shares])
    recall, precision = precision_recall_curve(*all_counts(labels, probabilities))
    assert recall.tolist() == [each["sensitivity"] for each in shares[1:]]
    assert precision.tolist() == [each["positive_predictive_value"] for each in shares[1:]]


def test_against_scikit_learn() -> None:
    theirs = pytest.importorskip(
        "sklearn.metrics", reason="compares with scikit-learn, which is not a dependency"
    )
    generator = np.random.default_rng(0)
    for _ in range(10):
        labels = generator.random(200) < 0.4
        probabilities = np.round(0.3 * labels + 0.7 * generator.random(200), 2)
        false_positive, true_positive = roc_curve(*all_counts(labels, probabilities))
        x, y, _ = theirs.roc_curve(labels, probabilities, drop_intermediate=False)
        assert false_positive == pytest.approx(x)
        assert true_positive == pytest.approx(y)
        recall, precision = precision_recall_curve(*all_counts(labels, probabilities))
        y, x, _ = theirs.precision_recall_curve(labels, probabilities)
        # scikit-learn's goes from all predicted positive to none, with a precision of 1 there.
        assert recall[::-1] == pytest.approx(x[:-1])
        assert precision[::-1] == pytest.approx(y[:-1])


@given(SCORED, st.one_of(st.sampled_from([0.0, 0.05, 0.5, 2 / 3, 1.0]), st.floats(0, 1)))
def test_best_threshold(scored: list[tuple[bool, float]], at_least: float) -> None:
    labels, probabilities = arrays(scored)
    shares = [
        ConfusionMatrix.at(threshold, labels, probabilities).summary()
        for threshold in [-1, *probabilities.tolist()]
    ]
    best = max(each["specificity"] for each in shares if each["sensitivity"] >= at_least)
    assert specificity_at_sensitivity(labels, probabilities, at_least) == best
    best = max(each["sensitivity"] for each in shares if each["specificity"] >= at_least)
    assert sensitivity_at_specificity(labels, probabilities, at_least) == best


def test_best_threshold_with_known_values() -> None:
    labels = np.array([False, False, True, True, True])
    probabilities = np.array([0.1, 0.4, 0.3, 0.5, 0.9])
    assert specificity_at_sensitivity(labels, probabilities) == 0.5
    assert specificity_at_sensitivity(labels, probabilities, 0.6) == 1
    assert sensitivity_at_specificity(labels, probabilities) == 2 / 3
    assert sensitivity_at_specificity(labels, probabilities, 0.5) == 1
    # One of 20 negatives is predicted negative: 0.05, while 1 − 0.95 is slightly larger.
    many = np.append(np.zeros(20, bool), True)
    ranked = np.append(np.linspace(0.01, 1, 20), 0.05)
    assert sensitivity_at_specificity(many, ranked, 0.05) == 1
    assert specificity_at_sensitivity(np.zeros(3, bool), np.ones(3)) is None
    assert sensitivity_at_specificity(np.ones(3, bool), np.ones(3)) is None


@given(SCORED, st.lists(st.floats(0, 0.99), max_size=5))
def test_net_benefit_follows_from_the_matrix(
    scored: list[tuple[bool, float]], at: list[float]
) -> None:
    labels, probabilities = arrays(scored)
    thresholds = [0.0, 0.3, 0.5, *at]
    benefits = net_benefit(labels, probabilities, np.array(thresholds))
    for t, found in zip(thresholds, benefits, strict=True):
        matrix = ConfusionMatrix.at(t, labels, probabilities)
        odds = t / (1 - t)
        benefit = (matrix.true_positive - matrix.false_positive * odds) / len(labels)
        assert found == pytest.approx(benefit)


@given(SCORED, st.floats(0, 0.99))
def test_the_error_of_the_net_benefit_is_that_of_a_mean(
    scored: list[tuple[bool, float]], t: float
) -> None:
    labels, probabilities = arrays(scored)
    odds = t / (1 - t)
    each = (probabilities > t) * np.where(labels, 1.0, -odds)
    (error,) = net_benefit_error(labels, probabilities, np.array([t]))
    assert error == pytest.approx(each.std() / np.sqrt(len(each)), abs=1e-6)
    (benefit,) = net_benefit(labels, probabilities, np.array([t]))
    assert benefit == pytest.approx(each.mean())


@given(SCORED, st.integers(4, 12))
def test_thresholds_are_thinned(scored: list[tuple[bool, float]], size: int) -> None:
    labels, probabilities = arrays(scored)
    distinct = sorted(set(probabilities.tolist()), reverse=True)
    found = thinned_thresholds(labels, probabilities, size).tolist()
    if len(distinct) <= size:
        assert found == distinct
    else:
        assert len(found) <= size
        assert found == sorted(set(found), reverse=True)
        assert set(found) <= set(distinct)
        assert (found[0], found[-1]) == (distinct[0], distinct[-1])


def test_few_positives_have_as_many_thresholds_as_many_negatives() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(100_000) < 100
    probabilities = np.where(labels, 0.5, 0.0) + 0.5 * generator.random(100_000)
    thresholds = thinned_thresholds(labels, probabilities, 199)
    assert len(thresholds) <= 199
    matrices = [ConfusionMatrix.at(each, labels, probabilities) for each in thresholds]
    for counts in (
        [each.true_positive / 100 for each in matrices],
        [each.false_positive / 99_900 for each in matrices],
    ):
        assert np.diff(counts).max() < 0.03
