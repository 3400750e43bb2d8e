"""Tests of model.metrics.class_matrix on worked examples."""

import numpy as np
import pytest

from model.metrics.class_matrix import class_figures
from model.metrics.confusion_matrix import wilson_interval

MATRIX = np.array([[8, 1], [2, 9]])  # true by predicted
CLASSES = ("a", "b")


def test_figures_of_the_rows_with_truth() -> None:
    found = class_figures(CLASSES, MATRIX, None, known=True)
    assert found["confusion_matrix"] == [[8, 1], [2, 9]]
    assert found["accuracy"] == {"value": 0.85, "interval": wilson_interval(17, 20)}
    assert found["classes"]["a"]["sensitivity"]["value"] == pytest.approx(8 / 9)
    assert found["classes"]["b"]["positive_predictive_value"]["value"] == pytest.approx(0.9)


def test_a_row_stands_for_the_rows_of_its_predicted_class() -> None:
    found = class_figures(CLASSES, MATRIX, np.array([100, 10]), known=True)
    assert found["confusion_matrix"] == [[80, 1], [20, 9]]
    assert found["accuracy"]["value"] == pytest.approx(89 / 110)
    low, high = found["accuracy"]["interval"]
    assert 0.4 < low < 89 / 110 < high < 0.96
    assert found["classes"]["a"]["sensitivity"] == {"value": 80 / 81, "interval": None}


def test_what_is_not_known_is_left_out() -> None:
    found = class_figures(CLASSES, MATRIX, None, known=False)
    assert found["accuracy"] == {"value": None, "interval": None}
    assert found["classes"]["a"]["sensitivity"] == {"value": None, "interval": None}
    assert found["classes"]["a"]["positive_predictive_value"]["value"] == 0.8


@pytest.mark.parametrize("rows", [None, np.array([0, 0])])
def test_without_rows_there_are_no_values(rows: "np.ndarray | None") -> None:
    found = class_figures(CLASSES, MATRIX * 0, rows, known=True)
    assert found["accuracy"] == {"value": None, "interval": None}
    assert found["classes"]["b"]["positive_predictive_value"] == {"value": None, "interval": None}
