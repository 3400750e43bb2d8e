"""The confusion matrix against a naive loop; Wilson intervals against published values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.metrics.confusion_matrix import ConfusionMatrix, wilson_interval

SCORED = st.lists(
    st.tuples(st.booleans(), st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)))
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (41, 41, 0.9143, 1.0000),  # 0.914 in the example of /metrics
    ],
)
def test_wilson_interval_as_published(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson_interval(successes, trials)
    assert interval is not None
    assert tuple(round(end, 4) for end in interval) == (low, high)


def test_wilson_interval_is_exact_if_all_trials_agree() -> None:
    for trials in range(1, 1000):
        none, all_ = wilson_interval(0, trials), wilson_interval(trials, trials)
        assert none is not None
        assert all_ is not None
        assert (none[0], all_[1]) == (0, 1)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_wilson_interval_solves_its_equation(successes: int, failures: int) -> None:
    """The ends are the solutions p of (k/n − p)² = z² p (1 − p) / n, on either side of k/n."""
    trials = successes + failures
    interval = wilson_interval(successes, trials)
    if not trials:
        assert interval is None
        return
    assert interval is not None
    low, high = interval
    share = successes / trials
    assert 0 <= low <= share <= high <= 1
    for end in interval:
        distance = 1.959963984540054 * math.sqrt(end * (1 - end) / trials)
        assert math.isclose(abs(share - end), distance, rel_tol=1e-6, abs_tol=1e-9)


@given(SCORED, st.one_of(st.just(0.5), st.floats(0, 1)))
def test_matrix_against_a_naive_loop(scored: list[tuple[bool, float]], threshold: float) -> None:
    counts = {(label, called): 0 for label in (False, True) for called in (False, True)}
    for label, probability in scored:
        counts[label, probability > threshold] += 1
    labels = np.array([label for label, _ in scored], bool)
    probabilities = np.array([probability for _, probability in scored], float)
    assert ConfusionMatrix.at(threshold, labels, probabilities) == ConfusionMatrix(
        true_negative=counts[False, False],
        false_positive=counts[False, True],
        false_negative=counts[True, False],
        true_positive=counts[True, True],
    )


def test_summary_with_known_values() -> None:
    summary = ConfusionMatrix(50, 10, 5, 35).summary()
    intervals = summary.pop("intervals")
    assert summary == {
        "rows": 100,
        "positives": 40,
        "confusion_matrix": {
            "true_negative": 50,
            "false_positive": 10,
            "false_negative": 5,
            "true_positive": 35,
        },
        "accuracy": 0.85,
        "sensitivity": 0.875,
        "specificity": 50 / 60,
        "positive_predictive_value": 35 / 45,
        "negative_predictive_value": 50 / 55,
        "f1": 70 / 85,
        "balanced_accuracy": pytest.approx((0.875 + 50 / 60) / 2),
        "matthews_correlation": pytest.approx((35 * 50 - 10 * 5) / math.sqrt(45 * 40 * 60 * 55)),
    }
    assert intervals == {
        "accuracy": wilson_interval(85, 100),
        "sensitivity": wilson_interval(35, 40),
        "specificity": wilson_interval(50, 60),
        "positive_predictive_value": wilson_interval(35, 45),
        "negative_predictive_value": wilson_interval(50, 55),
    }


PAIRED = "balanced_accuracy matthews_correlation"
ALL = (
    "accuracy sensitivity specificity positive_predictive_value negative_predictive_value f1 "
    + PAIRED
)


@pytest.mark.parametrize(
    ("matrix", "without"),
    [
        (ConfusionMatrix(0, 0, 0, 0), ALL),
        (ConfusionMatrix(3, 0, 0, 0), f"sensitivity positive_predictive_value f1 {PAIRED}"),
        (ConfusionMatrix(0, 3, 0, 0), f"sensitivity negative_predictive_value {PAIRED}"),
        (ConfusionMatrix(0, 0, 3, 0), f"specificity positive_predictive_value {PAIRED}"),
        (ConfusionMatrix(0, 0, 0, 3), f"specificity negative_predictive_value {PAIRED}"),
        (ConfusionMatrix(3, 0, 1, 0), "positive_predictive_value matthews_correlation"),
    ],
)
def test_metric_without_a_denominator_is_none(matrix: ConfusionMatrix, without: str) -> None:
    summary = matrix.summary()
    assert [name for name, value in summary.items() if value is None] == without.split()
    intervals = summary["intervals"]
    assert {name for name in intervals if intervals[name] is None} == set(intervals) & set(
        without.split()
    )


def test_matthews_correlation_of_perfect_and_inverted_predictions() -> None:
    for rows in range(1, 200):
        assert ConfusionMatrix(rows, 0, 0, 7).matthews_correlation == 1
        assert ConfusionMatrix(0, 7, rows, 0).matthews_correlation == -1


@given(st.tuples(*[st.integers(0, 30)] * 4))
def test_matthews_correlation_and_balanced_accuracy_against_scikit_learn(
    counts: tuple[int, int, int, int],
) -> None:
    theirs = pytest.importorskip(
        "sklearn.metrics", reason="compares with scikit-learn, which is not a dependency"
    )
    matrix = ConfusionMatrix(*counts)
    labels = np.repeat([False, False, True, True], counts)
    called = np.repeat([False, True, False, True], counts)
    if matrix.matthews_correlation is not None:
        correlation = theirs.matthews_corrcoef(labels, called)
        assert matrix.matthews_correlation == pytest.approx(correlation)
    if matrix.balanced_accuracy is not None:
        balanced = theirs.balanced_accuracy_score(labels, called)
        assert matrix.balanced_accuracy == pytest.approx(balanced)
