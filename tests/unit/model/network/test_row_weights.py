from typing import Any

import numpy as np
import pytest

from model.errors import NetworkError
from model.network.network import Network
from model.network.row_weights import class_weights, row_shares


def test_shares_add_to_one() -> None:
    assert row_shares([1, 3], 2, "float64").tolist() == [0.25, 0.75]
    assert row_shares(None, 4, "float32").tolist() == [0.25] * 4


def test_one_weight_per_class() -> None:
    assert class_weights([0, 2, 1, 2], [1, 2, 5]).tolist() == [1, 5, 2, 5]
    assert class_weights(np.array([True, False]), [1, 9]).tolist() == [9, 1]


def test_balanced_classes_have_equal_total_weight() -> None:
    labels = np.array([0, 0, 0, 1, 3, 3])
    weights = class_weights(labels, "balanced")
    assert [weights[labels == each].sum() for each in (0, 1, 3)] == pytest.approx([2, 2, 2])
    network = Network([{"units": 1}], inputs=1)
    theta = np.array([1.0, 0.5])
    rows, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 0, 1])
    separate = [network.loss_of(theta, rows[y == each], y[y == each]) for each in (0, 1)]
    balanced = network.loss_of(theta, rows, y, class_weights(y, "balanced"))
    assert balanced == pytest.approx(np.mean(separate))


@pytest.mark.parametrize(
    ("classes", "weights", "message"),
    [
        ([0, 1.5], [1, 1], "classes must be class numbers from 0"),
        ([-1], [1], "classes must be class numbers from 0"),
        ([0, 2], [1, 1], "weights must be one per class: class 2 has none"),
        ([0], [-1.0], "weights must be at least 0"),
        ([0], "equal", "weights must be balanced or one per class, got 'equal'"),
        ([], [1], "classes must have at least one row"),
    ],
)
def test_invalid_arguments(classes: Any, weights: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        class_weights(classes, weights)
