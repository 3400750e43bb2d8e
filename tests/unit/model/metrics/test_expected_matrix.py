"""Tests of model.metrics.expected_matrix: worked examples, and truth drawn from probabilities."""

import numpy as np
import pytest
from support.binned_rows import binned

from model.metrics.expected_matrix import expected_figures, expected_matrix
from model.metrics.probability_bins import BINS
from model.metrics.proportions import FIGURES


def test_worked_example() -> None:
    # NannyML's page on performance estimation, with three rows of probabilities 0.9, 0.6 and 0.2
    # and a threshold of 0.5: TP = 0.9 + 0.6, FP = 0.1 + 0.4, FN = 0.2, TN = 0.8; accuracy 2.3 / 3.
    # The middle of a bin is 0.0005 below its upper end.
    rows = binned(np.array([0.9, 0.6, 0.2]), np.zeros(3, bool)).rows
    found = expected_matrix(rows, 500)
    assert found == pytest.approx((0.8, 0.5, 0.2, 1.5), abs=0.0011)
    figures = expected_figures(rows, 500)
    assert figures["rows"] == 3
    assert figures["accuracy"] == pytest.approx(2.3 / 3, abs=0.001)
    assert figures["sensitivity"] == pytest.approx(1.5 / 1.7, abs=0.001)
    assert figures["positive_predictive_value"] == pytest.approx(0.75, abs=0.001)


def test_without_rows_no_figure_is_expected() -> None:
    figures = expected_figures(np.zeros(BINS, int), 500)
    assert [figures[name] for name in FIGURES] == [None] * 5


@pytest.mark.parametrize("first", [100, 500, 730])
def test_truth_of_calibrated_probabilities_is_as_expected(first: int) -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.beta(0.3, 0.6, 200_000)
    rows = binned(probabilities, generator.random(len(probabilities)) < probabilities)
    expected = expected_figures(rows.rows, first)
    for name, (part, whole) in rows.confusion_matrix(first).proportions().items():
        assert expected[name] == pytest.approx(part / whole, abs=0.005), name


def test_probabilities_that_are_not_calibrated_mislead() -> None:
    generator = np.random.default_rng(2)
    probabilities = generator.random(50_000)
    rows = binned(probabilities, generator.random(50_000) < probabilities**3)
    part, whole = rows.confusion_matrix(500).proportions()["positive_predictive_value"]
    assert expected_figures(rows.rows, 500)["positive_predictive_value"] > part / whole + 0.2
