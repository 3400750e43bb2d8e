"""Bootstrap of curves and scores against the metrics and a slow bootstrap."""

import numpy as np
import pytest

from model.evaluation.metrics import average_precision, roc_auc
from model.evaluation.report.bootstrap import resample


@pytest.mark.parametrize("rows", [40, 5000])
def test_scores_of_the_rows_and_intervals(rows: int) -> None:
    generator = np.random.default_rng(3)
    labels = generator.random(rows) < 0.3
    p = np.clip(generator.normal(0.3 + 0.3 * labels, 0.2), 0, 1)
    found = resample(labels, p, np.arange(len(p)))
    tolerance = 1e-12 if rows < 2000 else 1e-3
    assert float(found.counts.area()) == pytest.approx(roc_auc(labels, p), abs=tolerance)
    mean = float(found.counts.average_precision())
    assert mean == pytest.approx(average_precision(labels, p), abs=tolerance)
    low, high = found.intervals["roc_auc"]
    drawn = [generator.integers(0, rows, rows) for _ in range(400)]
    slow = np.quantile([roc_auc(labels[i], p[i]) for i in drawn], (0.025, 0.975))
    assert (low, high) == pytest.approx(slow, abs=0.03 if rows < 2000 else 0.003)
    for low_end, high_end in (found.roc_band(), found.precision_band()):
        assert low_end.shape == high_end.shape == (101,)
        assert (low_end <= high_end).all()


def test_groups_are_drawn_as_a_whole() -> None:
    generator = np.random.default_rng(0)
    p = generator.random(100)
    labels = generator.random(100) < p
    four, groups = (np.repeat(each, 4) for each in (p, np.arange(100)))
    single = resample(labels, p, np.arange(100)).intervals["roc_auc"]
    grouped = resample(np.repeat(labels, 4), four, groups).intervals["roc_auc"]
    naive = resample(np.repeat(labels, 4), four, np.arange(400)).intervals["roc_auc"]
    assert grouped == pytest.approx(single, abs=0.03)
    assert naive[1] - naive[0] < 0.7 * (grouped[1] - grouped[0])
