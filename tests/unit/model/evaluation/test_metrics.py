"""Scores against known values, their definitions in O(n²) and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.evaluation.calibration import calibration_error, calibration_slope
from model.evaluation.metrics import average_precision, brier, log_loss, roc_auc, scores
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary

LABELS = np.array([False, False, True, True])
PROBABILITIES = np.array([0.1, 0.4, 0.35, 0.8])

# A few distinct values for ties, and any float in [0, 1].
SCORED = st.lists(
    st.tuples(
        st.booleans(), st.one_of(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.floats(0, 1))
    ),
    min_size=1,
    max_size=30,
)


def arrays(scored: list[tuple[bool, float]]) -> tuple[Array, Array]:
    labels, probabilities = zip(*scored, strict=True)
    return np.array(labels, bool), np.array(probabilities, float)


def test_with_known_values() -> None:
    assert roc_auc(LABELS, PROBABILITIES) == 0.75
    assert average_precision(LABELS, PROBABILITIES) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    expected = -(math.log(0.9) + math.log(0.6) + math.log(0.35) + math.log(0.8)) / 4
    assert log_loss(LABELS, PROBABILITIES) == pytest.approx(expected)
    assert brier(LABELS, PROBABILITIES) == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)
    assert calibration_error(LABELS, PROBABILITIES) == pytest.approx((0.1 + 0.4 + 0.65 + 0.2) / 4)
    assert calibration_error(LABELS, PROBABILITIES, bins=1) == pytest.approx((2 - 1.65) / 4)


def test_ties() -> None:
    tied = np.full(4, 0.5)
    assert roc_auc(LABELS, tied) == 0.5
    assert average_precision(LABELS, tied) == 0.5
    assert calibration_error(LABELS, tied) == 0


def test_probability_of_1_belongs_to_the_last_bin() -> None:
    labels, probabilities = np.array([False, True]), np.array([1.0, 0.95])
    assert calibration_error(labels, probabilities) == pytest.approx((1 - 0.05) / 2)


def scores_of(labels: Array, probabilities: Array) -> dict[str, float | None]:
    target = Binary(negative="no", positive="yes")
    return scores(target, ScoredRows.ungrouped(labels[:, None], probabilities[:, None]))


def test_names_of_scores() -> None:
    assert scores_of(LABELS, PROBABILITIES) == {
        "roc_auc": roc_auc(LABELS, PROBABILITIES),
        "average_precision": average_precision(LABELS, PROBABILITIES),
        "log_loss": log_loss(LABELS, PROBABILITIES),
        "brier": brier(LABELS, PROBABILITIES),
        "calibration_error": calibration_error(LABELS, PROBABILITIES),
        "calibration_slope": calibration_slope(LABELS, PROBABILITIES),
    }


def test_one_class_has_no_ranking_scores() -> None:
    negatives, positives = np.zeros(4, bool), np.ones(4, bool)
    assert roc_auc(negatives, PROBABILITIES) is None
    assert roc_auc(positives, PROBABILITIES) is None
    assert average_precision(negatives, PROBABILITIES) is None
    assert average_precision(positives, PROBABILITIES) == 1


def test_certain_and_wrong_probabilities_stay_finite() -> None:
    assert log_loss(np.array([True]), np.array([0.0])) == pytest.approx(36.0437, abs=1e-4)
    assert log_loss(np.array([False]), np.array([1.0])) == pytest.approx(36.0437, abs=1e-4)
    assert log_loss(np.array([True]), np.array([1.0])) == 0


@given(SCORED)
def test_roc_auc_is_the_share_of_ordered_pairs(scored: list[tuple[bool, float]]) -> None:
    positives = [p for label, p in scored if label]
    negatives = [p for label, p in scored if not label]
    pairs = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    expected = pytest.approx(sum(pairs) / len(pairs)) if pairs else None
    assert roc_auc(*arrays(scored)) == expected


@given(SCORED)
def test_average_precision_is_a_sum_over_thresholds(scored: list[tuple[bool, float]]) -> None:
    positives = sum(label for label, _ in scored)
    total, recall_before = 0.0, 0.0
    for threshold in sorted({p for _, p in scored}, reverse=True):
        called = [label for label, p in scored if p >= threshold]
        recall = sum(called) / positives if positives else 0.0
        total += (recall - recall_before) * sum(called) / len(called)
        recall_before = recall
    expected = pytest.approx(total) if positives else None
    assert average_precision(*arrays(scored)) == expected


@given(SCORED, st.integers(1, 20))
def test_calibration_error_is_a_sum_over_bins(scored: list[tuple[bool, float]], bins: int) -> None:
    total = 0.0
    for index in range(bins):
        inside = [(y, p) for y, p in scored if min(int(p * bins), bins - 1) == index]
        if inside:
            gap = np.mean([p for _, p in inside]) - np.mean([y for y, _ in inside])
            total += len(inside) / len(scored) * abs(float(gap))
    assert calibration_error(*arrays(scored), bins=bins) == pytest.approx(total, abs=1e-12)


@given(SCORED)
def test_brier_and_log_loss_are_means(scored: list[tuple[bool, float]]) -> None:
    rows = len(scored)
    squares = sum((p - y) ** 2 for y, p in scored) / rows
    assert brier(*arrays(scored)) == pytest.approx(squares)
    given_to_truth = [max(p if y else 1 - p, np.finfo(float).eps) for y, p in scored]
    nats = -sum(math.log(p) for p in given_to_truth) / rows
    assert log_loss(*arrays(scored)) == pytest.approx(nats)


def test_against_scikit_learn() -> None:
    theirs = pytest.importorskip(
        "sklearn.metrics", reason="compares with scikit-learn, which is not a dependency"
    )
    generator = np.random.default_rng(0)
    for _ in range(20):
        labels = generator.random(300) < 0.3
        probabilities = np.round(np.clip(labels * 0.3 + generator.random(300) * 0.7, 0, 1), 2)
        assert scores_of(labels, probabilities) == pytest.approx(
            {
                "roc_auc": theirs.roc_auc_score(labels, probabilities),
                "average_precision": theirs.average_precision_score(labels, probabilities),
                "log_loss": theirs.log_loss(labels, probabilities),
                "brier": theirs.brier_score_loss(labels, probabilities),
                "calibration_error": calibration_error(labels, probabilities),
                "calibration_slope": calibration_slope(labels, probabilities),
            }
        )
