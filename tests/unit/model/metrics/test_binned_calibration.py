"""Tests of model.metrics.binned_calibration against the figures of the rows."""

import numpy as np
import pytest
from support.binned_rows import binned

from model.evaluation.calibration import calibration_slope
from model.metrics.binned_calibration import binned_brier, binned_slope


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_slope_and_brier_are_those_of_the_rows(power: float) -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.beta(2, 3, 5000)
    labels = generator.random(5000) < probabilities**power
    rows = binned(probabilities, labels)
    brier = float(np.square(probabilities - labels).mean())
    assert binned_brier(rows.positives, rows.negatives) == pytest.approx(brier, abs=0.0005)
    slope = binned_slope(rows.positives, rows.negatives)
    assert slope == pytest.approx(calibration_slope(labels, probabilities), abs=0.01)


@pytest.mark.parametrize("ends", [(0.1, 0.9), (0.9, 0.1), (0.5, 0.5)])
def test_a_separated_or_constant_truth_has_no_slope(ends: tuple[float, float]) -> None:
    rows = binned(np.repeat(ends, 10), np.repeat([False, True], 10))
    assert binned_slope(rows.positives, rows.negatives) is None


def test_one_class_or_none_has_no_slope() -> None:
    rows = binned(np.array([0.2, 0.4]), np.array([True, True]))
    assert binned_slope(rows.positives, rows.negatives) is None
    assert binned_brier(rows.rows * 0, rows.rows * 0) is None
