"""Tests of model.metrics.probability_bins against the matrices of the rows themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.binned_rows import binned

from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.probability_bins import first_positive_bin


@given(seed=st.integers(0, 1000), thousandths=st.integers(1, 999), rows=st.integers(0, 300))
def test_a_matrix_is_that_of_the_rows(seed: int, thousandths: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.choice([generator.random(rows), generator.integers(0, 11, rows) / 10])
    labels = generator.random(rows) < probabilities
    threshold = thousandths / 1000
    found = binned(probabilities, labels).confusion_matrix(first_positive_bin(threshold))
    assert found == ConfusionMatrix.at(threshold, labels, probabilities)


@pytest.mark.parametrize(
    ("threshold", "first"),
    [(0, 1), (0.0004, 1), (0.5, 500), (0.5004, 500), (0.5006, 501), (1, 1000)],
)
def test_a_threshold_is_rounded_to_a_bin(threshold: float, first: int) -> None:
    assert first_positive_bin(threshold) == first
