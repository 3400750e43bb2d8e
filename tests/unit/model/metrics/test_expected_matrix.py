"""Tests of model.metrics.expected_matrix: worked examples, and truth drawn from probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.binned_rows import binned

from model.metrics.expected_matrix import (
    UNITS,
    expected_class_figures,
    expected_class_sums,
    expected_figures,
    expected_matrix,
)
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
    assert [figures[name] for name in (*FIGURES, "roc_auc")] == [None] * 6


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


def test_expected_area_is_that_of_rows_weighted_by_their_probabilities() -> None:
    probabilities = np.random.default_rng(3).beta(0.5, 0.8, 500)
    rows = binned(probabilities, np.zeros(500, bool)).rows
    weights = np.outer(probabilities, 1 - probabilities)  # of pairs: positive, negative
    order = np.sign(probabilities[:, None] - probabilities)
    area = float(np.sum(weights * (1 + order)) / 2 / weights.sum())
    assert expected_figures(rows, 500)["roc_auc"] == pytest.approx(area, abs=0.001)


def test_worked_example_of_classes() -> None:
    sums = expected_class_sums(np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.6, 0.1, 0.3]]))
    assert sums.tolist() == [[1300, 100, 0], [300, 500, 0], [400, 400, 0]]
    figures = expected_class_figures("abc", sums)
    assert figures["rows"] == 3
    assert figures["confusion_matrix"] == [[1.3, 0.1, 0], [0.3, 0.5, 0], [0.4, 0.4, 0]]
    assert figures["accuracy"] == pytest.approx(0.6)
    assert figures["classes"] == {
        "a": {"sensitivity": pytest.approx(1.3 / 1.4), "positive_predictive_value": 0.65},
        "b": {"sensitivity": pytest.approx(0.625), "positive_predictive_value": 0.5},
        "c": {"sensitivity": 0.0, "positive_predictive_value": None},
    }


def test_without_rows_no_figure_of_classes_is_expected() -> None:
    figures = expected_class_figures("ab", np.zeros((2, 2), int))
    assert (figures["rows"], figures["accuracy"]) == (0, None)
    assert set(figures["classes"]["a"].values()) == {None}


@given(st.integers(2, 50), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0.01, 10))
def test_each_row_of_classes_counts_as_one(
    classes: int, rows: int, seed: int, concentration: float
) -> None:
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(classes, concentration), rows)
    sums = expected_class_sums(p)
    assert sums.min() >= 0
    assert (
        sums.sum(axis=0).tolist()
        == (UNITS * np.bincount(p.argmax(axis=1), minlength=classes)).tolist()
    )
    exact = np.zeros((classes, classes))
    np.add.at(exact.T, p.argmax(axis=1), p)
    assert np.abs(sums / UNITS - exact).max() < rows / UNITS


def test_truth_of_calibrated_classes_is_as_expected() -> None:
    generator = np.random.default_rng(4)
    p = generator.dirichlet([0.5, 0.3, 0.9, 0.2], 100_000)
    true = (generator.random((len(p), 1)) > p.cumsum(axis=1)).sum(axis=1)
    predicted, matrix = p.argmax(axis=1), np.zeros((4, 4))
    np.add.at(matrix, (true, predicted), 1)
    figures = expected_class_figures("abcd", expected_class_sums(p))
    found = np.array(figures["confusion_matrix"])
    assert np.abs(found - matrix).max() < 0.005 * len(p)
    assert figures["accuracy"] == pytest.approx(float(np.mean(true == predicted)), abs=0.005)
    for number, name in enumerate("abcd"):
        sensitivity = matrix[number, number] / matrix[number].sum()
        assert figures["classes"][name]["sensitivity"] == pytest.approx(sensitivity, abs=0.01)
