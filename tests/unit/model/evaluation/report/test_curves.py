"""Curves of the report."""

import numpy as np
import pytest

from model.evaluation.report.curves import net_benefit


def test_net_benefit_with_known_values() -> None:
    labels = np.array([True, True, False, False, False])
    p = np.array([0.9, 0.2, 0.6, 0.2, 0.1])
    found = net_benefit(labels, p, np.array([0.1, 0.2, 0.5]))
    expected = [2 / 5 - 2 / 5 / 9, 1 / 5 - 1 / 5 / 4, 1 / 5 - 1 / 5]
    assert found.tolist() == pytest.approx(expected)
