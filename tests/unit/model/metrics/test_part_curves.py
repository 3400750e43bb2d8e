"""Tests of model.metrics.part_curves: counts at each threshold, bands, and parts without rows."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.metrics.confusion_matrix import Z_95, ConfusionMatrix, wilson_interval
from model.metrics.curves import net_benefit
from model.metrics.part_curves import probability_curves, value_groups

SCORED = st.lists(
    st.tuples(st.booleans(), st.one_of(st.sampled_from([0.0, 0.3, 1.0]), st.floats(0, 1))),
    max_size=40,
)


def arrays(scored: list[tuple[bool, float]]) -> tuple[Array, Array]:
    return (
        np.array([label for label, _ in scored], bool),
        np.array([probability for _, probability in scored], float),
    )


def lengths(curves: Any) -> set[int]:
    """Return the different lengths of lists."""
    return {len(each) for each in curves.values()}


@given(SCORED, st.sampled_from([5, 20, 200]))
def test_counts_shares_and_bands_are_those_of_the_matrix(
    scored: list[tuple[bool, float]], points: int
) -> None:
    labels, probabilities = arrays(scored)
    curves = probability_curves(labels, probabilities, points)
    json.dumps(curves, allow_nan=False)
    rows, positives = len(labels), int(labels.sum())
    assert (curves["rows"], curves["positives"]) == (rows, positives)
    thresholds = curves["threshold"]
    assert len(thresholds) <= points
    at = [-1.0 if each is None else each for each in thresholds]
    assert at == sorted(set(at), reverse=True)
    matrices = [ConfusionMatrix.at(each, labels, probabilities) for each in at]
    assert curves["true_positive"] == [each.true_positive for each in matrices]
    assert curves["false_positive"] == [each.false_positive for each in matrices]
    roc, precision = curves["roc"], curves["precision_recall"]
    if rows:
        assert (matrices[0].true_positive, matrices[0].false_positive) == (0, 0)
        assert (matrices[-1].true_positive, matrices[-1].false_positive) == (
            positives,
            rows - positives,
        )
        assert (None in thresholds) == bool((probabilities == 0).any())
    if not 0 < positives < rows:
        assert lengths(roc) == {0}
        assert curves["areas"]["roc_auc"] is None
    else:
        summaries = [each.summary() for each in matrices]
        assert roc["sensitivity"] == pytest.approx([s["sensitivity"] for s in summaries], abs=1e-6)
        false = [1 - summary["specificity"] for summary in summaries]
        assert roc["false_positive_rate"] == pytest.approx(false, abs=1e-6)
        ends = list(zip(roc["low"], roc["high"], strict=True))
        for found, summary in zip(ends, summaries, strict=True):
            assert found == pytest.approx(summary["intervals"]["sensitivity"], abs=1e-6)
        area = np.trapezoid(roc["sensitivity"], roc["false_positive_rate"])
        if len(set(probabilities.tolist())) < points:
            assert curves["areas"]["roc_auc"] == pytest.approx(area, abs=1e-4)
    if not positives:
        assert lengths(precision) == {0}
        assert curves["areas"]["average_precision"] is None
    else:
        for number, matrix in enumerate(matrices):
            hits, called = matrix.true_positive, matrix.true_positive + matrix.false_positive
            interval = wilson_interval(hits, called)
            shown = [precision[name][number] for name in ("precision", "low", "high")]
            if interval is None:
                assert shown == [None, None, None]
            else:
                assert shown == pytest.approx([hits / called, *interval], abs=1e-6)


def test_the_decision_curve() -> None:
    labels = np.arange(100) % 3 == 0
    probabilities = np.linspace(0, 1, 100)
    curve = probability_curves(labels, probabilities)["decision"]
    assert lengths(curve) == {99}
    assert curve["threshold"] == [number / 100 for number in range(1, 100)]
    thresholds = np.array(curve["threshold"])
    benefit = net_benefit(labels, probabilities, thresholds)
    assert curve["net_benefit"] == pytest.approx(benefit.tolist(), abs=1e-6)
    x = (probabilities > 0.5) * np.where(labels, 1, -1)
    assert curve["net_benefit"][49] == pytest.approx(x.mean(), abs=1e-6)
    assert curve["high"][49] == pytest.approx(x.mean() + Z_95 * x.std() / 10, abs=1e-6)
    assert curve["low"][49] == pytest.approx(x.mean() - Z_95 * x.std() / 10, abs=1e-6)
    assert curve["all"] == pytest.approx(
        net_benefit(labels, np.ones(100), thresholds).tolist(), abs=1e-6
    )


@pytest.mark.parametrize("labels", [[], [True], [False], [True] * 30, [False] * 30])
def test_parts_with_one_class_or_no_rows(labels: list[bool]) -> None:
    curves = probability_curves(np.array(labels, bool), np.linspace(0, 1, len(labels)))
    assert lengths(curves["roc"]) == {0}
    assert lengths(curves["decision"]) == {99 if labels else 0}
    assert curves["areas"]["roc_auc"] is None
    assert len(curves["reliability"]) == len(set(np.linspace(0, 1, len(labels)) // 0.1001))


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=35))
def test_groups_of_values(pairs: list[tuple[float, float]]) -> None:
    truth, predicted = (np.array([pair[at] for pair in pairs], float) for at in (0, 1))
    groups = value_groups(truth, predicted)
    assert len(groups) == min(10, len(pairs))
    assert sum(each["rows"] for each in groups) == len(pairs)
    assert len({each["rows"] for each in groups}) <= 2
    means = [each["predicted"] for each in groups]
    assert means == pytest.approx(sorted(means))
    for name, values in (("predicted", predicted), ("true", truth)):
        total = sum(each["rows"] * each[name] for each in groups)
        assert total == pytest.approx(float(values.sum()), abs=1e-3)
    for each in groups:
        low, high = each["residual"]
        assert low <= high


def test_groups_with_known_values() -> None:
    truth, predicted = np.array([3.0, 1.0, 2.0, 0.0]), np.array([2.0, 1.0, 4.0, 1.0])
    assert value_groups(truth, predicted) == [
        {"rows": 1, "predicted": 1.0, "true": 1.0, "residual": [0.0, 0.0]},
        {"rows": 1, "predicted": 1.0, "true": 0.0, "residual": [-1.0, -1.0]},
        {"rows": 1, "predicted": 2.0, "true": 3.0, "residual": [1.0, 1.0]},
        {"rows": 1, "predicted": 4.0, "true": 2.0, "residual": [-2.0, -2.0]},
    ]
    twenty = np.arange(20.0)
    first, *_ = value_groups(np.zeros(20), twenty)
    assert first["residual"] == pytest.approx([-0.95, -0.05])


def test_against_scikit_learn() -> None:
    theirs = pytest.importorskip(
        "sklearn.metrics", reason="compares with scikit-learn, which is not a dependency"
    )
    generator = np.random.default_rng(0)
    labels = generator.random(150) < 0.4
    probabilities = np.round(0.3 * labels + 0.7 * generator.random(150), 2)
    curves = probability_curves(labels, probabilities)
    x, y, _ = theirs.roc_curve(labels, probabilities, drop_intermediate=False)
    assert curves["roc"]["false_positive_rate"] == pytest.approx(x.tolist(), abs=1e-6)
    assert curves["roc"]["sensitivity"] == pytest.approx(y.tolist(), abs=1e-6)
    precision, recall, _ = theirs.precision_recall_curve(labels, probabilities)
    found = curves["precision_recall"]
    assert found["precision"][1:] == pytest.approx(precision[-2::-1].tolist(), abs=1e-6)
    assert found["recall"][1:] == pytest.approx(recall[-2::-1].tolist(), abs=1e-6)
    assert curves["areas"] == pytest.approx(
        {
            "roc_auc": theirs.roc_auc_score(labels, probabilities),
            "average_precision": theirs.average_precision_score(labels, probabilities),
        }
    )
