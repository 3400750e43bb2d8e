from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import NetworkError
from model.network.config import build
from model.network.losses import LOSSES, Loss, cross_entropy, entropy

Z = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -0.5]])  # 2 outputs, 3 rows


def value(loss: Any, z: Any, targets: Any, dtype: str = "float64") -> Any:
    built: Loss = build("loss", LOSSES, loss)
    z = np.asarray(z, dtype)
    return built.value(z, built.encode(targets, len(z), dtype).T)[0]


def test_mean_squared_error() -> None:
    targets = [[1, 0], [0, 1], [0.5, -0.5]]
    assert value("mean_squared_error", Z, targets) == pytest.approx([0.5, 2.5, 0])


def test_mean_absolute_error() -> None:
    targets = [[1, 0], [0, 1], [0.5, -0.5]]
    assert value("mean_absolute_error", Z, targets) == pytest.approx([0.5, 1.5, 0])


@pytest.mark.parametrize(("error", "expected"), [(0.5, 0.125), (1, 0.5), (-3, 2.5), (0, 0)])
def test_huber(error: float, expected: float) -> None:
    assert value("huber", [[error]], [0.0]) == pytest.approx([expected])
    wide = {"name": "huber", "delta": 2.0}
    assert value(wide, [[-3.0]], [0.0]) == pytest.approx([2 * (3 - 1)])


@given(st.floats(-12, 12), st.floats(0, 1))
def test_binary_cross_entropy(z: float, y: float) -> None:
    p = 1 / (1 + np.exp(-z))
    expected = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    assert value("binary_cross_entropy", [[z]], [y]) == pytest.approx([expected], abs=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("z", "y", "expected"), [(1e4, 0, 1e4), (1e4, 1, 0), (-1e4, 1, 1e4)])
def test_cross_entropy_of_extreme_logits(z: float, y: float, expected: float, dtype: str) -> None:
    assert value("binary_cross_entropy", [[z]], [y], dtype) == [expected]
    assert value("sparse_categorical_cross_entropy", [[0], [z]], [y], dtype) == [expected]


def test_categorical_cross_entropies_agree() -> None:
    shares = np.exp(Z) / np.exp(Z).sum(axis=0)
    expected = -np.log(shares[[0, 1, 1], [0, 1, 2]])
    one_hot = [[1, 0], [0, 1], [0, 1]]
    assert value("categorical_cross_entropy", Z, one_hot) == pytest.approx(expected)
    assert value("sparse_categorical_cross_entropy", Z, [0, 1, 1]) == pytest.approx(expected)


def test_two_classes_equal_a_binary_problem() -> None:
    z = np.array([[0.0, 0.0], [1.5, -2.0]])
    two = value("sparse_categorical_cross_entropy", z, [1, 0])
    assert two == pytest.approx(value("binary_cross_entropy", z[1:], [1, 0]))


def test_label_smoothing_is_a_softer_target() -> None:
    soft = {"name": "binary_cross_entropy", "label_smoothing": 0.1}
    assert value(soft, [[0.7]], [1]) == pytest.approx(
        value("binary_cross_entropy", [[0.7]], [0.95])
    )
    softer = {"name": "sparse_categorical_cross_entropy", "label_smoothing": 0.3}
    assert value(softer, [[0.7], [0], [1]], [2]) == pytest.approx(
        value("categorical_cross_entropy", [[0.7], [0], [1]], [[0.1, 0.1, 0.8]])
    )


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        ("binary_cross_entropy", [[0, 1]], r"targets must have shape \(rows, 1\), got \(1, 2\)"),
        ("binary_cross_entropy", [1.5], "targets must be from 0 to 1"),
        ("binary_cross_entropy", [-0.1], "targets must be from 0 to 1"),
        ("binary_cross_entropy", [np.nan], "targets must be finite"),
        ("mean_squared_error", [np.inf], "targets must be finite"),
        ("mean_squared_error", [], "targets must have at least one row"),
        ("mean_squared_error", ["a"], "targets must be numbers"),
    ],
)
def test_invalid_targets(loss: str, targets: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        value(loss, [[1.0]], targets)


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        ("categorical_cross_entropy", [[0.2, 0.2]], "targets must add to 1 in each row"),
        ("categorical_cross_entropy", [[-1, 2]], "targets must be from 0 to 1"),
        ("sparse_categorical_cross_entropy", [2], "targets must be class numbers from 0 to 1"),
        ("sparse_categorical_cross_entropy", [-1], "targets must be class numbers from 0 to 1"),
        ("sparse_categorical_cross_entropy", [0.5], "targets must be class numbers from 0 to 1"),
    ],
)
def test_invalid_classes(loss: str, targets: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        value(loss, [[1.0], [2.0]], targets)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ({"name": "huber", "delta": 0}, "loss huber: delta must be a number from"),
        ({"name": "huber", "delta": True}, "loss huber: delta must be a number from"),
        ({"name": "huber", "detla": 1}, "loss huber has no 'detla': did you mean delta"),
        (
            {"name": "binary_cross_entropy", "label_smoothing": 1},
            "label_smoothing must be a number",
        ),
        ("hinge", "loss must be one of mean_squared_error, .*, got 'hinge'"),
    ],
)
def test_invalid_loss(loss: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        build("loss", LOSSES, loss)


def test_entropy_of_balls_in_a_bag() -> None:
    """Half of the balls are blue, a quarter red, an eighth each green and orange: 1.75 bits."""
    bag = [1 / 2, 1 / 4, 1 / 8, 1 / 8]
    even = [1 / 4] * 4
    assert entropy(bag) == 1.75
    assert entropy(even) == 2
    assert cross_entropy(bag, even) == 2  # as if all colours were equally likely
    assert cross_entropy(even, bag) == 2.25
    assert entropy([1, 0]) == 0
    assert cross_entropy([0.5, 0.5], [1, 0]) == np.inf


@pytest.mark.parametrize(
    ("true", "assumed", "message"),
    [
        ([0.5, 0.6], [1, 0], "true must be probabilities that add to 1"),
        ([1], [2, -1], "assumed must be probabilities that add to 1"),
        ([1], [0.5, 0.5], "must have the same length, got 1 and 2"),
    ],
)
def test_invalid_distributions(true: Any, assumed: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        cross_entropy(true, assumed)
