"""Intervals and bands of the report."""

import numpy as np
import pytest

from model.evaluation.assessment import assess
from model.evaluation.report.bootstrap import bootstrap_intervals
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary


def drawn(rows: int, share: float) -> ScoredRows:
    generator = np.random.default_rng(3)
    labels = generator.random((rows, 1)) < share
    return ScoredRows.ungrouped(labels, np.clip(generator.normal(0.3 + 0.3 * labels, 0.2), 0, 1))


def test_intervals_of_scores_are_those_of_the_assessment() -> None:
    scored = drawn(40, 0.3)
    assessed = assess(Binary(negative="no", positive="yes"), scored, 0.5)["scores"]
    found = bootstrap_intervals(scored)
    for name in ("roc_auc", "average_precision", "log_loss", "brier"):
        assert found[name] == pytest.approx(tuple(assessed[name]["interval"]), rel=1e-12)


def test_bands_contain_the_curve_and_narrow_with_more_rows() -> None:
    for name in ("roc_curve", "precision_recall_curve"):
        widths = []
        for rows in (40, 2000):
            low, high = bootstrap_intervals(drawn(rows, 0.3))[name]
            assert low.shape == high.shape == (101,)
            assert (low <= high).all()
            widths.append((high - low).mean())
        assert 0 < widths[1] < widths[0] / 3


def test_rows_that_often_lack_a_class_have_no_bands() -> None:
    scored = ScoredRows.ungrouped(np.arange(20)[:, None] == 0, np.linspace(0, 1, 20)[:, None])
    found = bootstrap_intervals(scored)
    assert found["roc_curve"] is found["roc_auc"] is None
    assert found["brier"] is not None
