"""Outputs of layers, and the errors of layers, networks and weights."""

from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import NetworkError
from model.network.layers import Conv1D, Dense, Flatten, LocallyConnected1D, layer_from
from model.network.network import Network
from model.network.tasks import TASKS


@pytest.mark.parametrize("kind", [Conv1D, LocallyConnected1D])
def test_ecg_network(kind: type[Conv1D]) -> None:
    """100 samples; windows of 20 every 10 give 9 units; windows of 5 every 2 of those give 3."""
    network = Network(
        [kind(1, 20, 10, "tanh"), kind(1, 5, 2, "tanh"), Flatten(), Dense(1)], inputs=100
    )
    theta = network.initial_parameters(np.random.default_rng(0))
    signal = np.random.default_rng(1).standard_normal((2, 100))
    first, second, flat, logit = network.activations(theta, signal)
    assert [outputs.shape for outputs in (first, second, flat, logit)] == [
        (2, 9),
        (2, 3),
        (2, 3),
        (2, 1),
    ]
    block = network.layout.views(theta)[0]
    for window in range(9):
        weights, bias = block[window % len(block), :-1], block[window % len(block), -1]
        expected = np.tanh(signal[:, 10 * window : 10 * window + 20] @ weights + bias)
        assert first[:, window] == pytest.approx(expected)
    sizes = [21, 6] if kind is Conv1D else [9 * 21, 3 * 6]
    assert network.layout.size == sum(sizes) + 4


def test_channels_of_a_position_are_adjacent() -> None:
    network = Network([Conv1D(2, 3), Dense(1)], inputs=10, channels=2)  # 5 positions
    theta = network.initial_parameters(np.random.default_rng(0))
    row: Array = np.arange(10.0)
    weights = network.layout.views(theta)[0][:, :-1]
    expected = np.concatenate([weights @ row[2 * t : 2 * t + 6] for t in range(3)])
    assert network.activations(theta, row[None])[0][0] == pytest.approx(expected)


def test_residual_adds_its_input() -> None:
    network = Network([{"name": "residual", "layers": [Dense(3)]}, Dense(1)], inputs=3)
    theta = np.zeros(network.layout.size)
    row = [1.0, 2.0, 3.0]
    assert network.activations(theta, [row])[0].tolist() == [row]


def test_layer_normalization() -> None:
    network = Network(["layer_normalization", Dense(1)], inputs=4)
    theta = network.initial_parameters(np.random.default_rng(0))
    normal = network.activations(theta, [[1.0, 2, 3, 4], [10.0, 10, 10, 50]])[0]
    assert normal.mean(axis=1) == pytest.approx([0, 0], abs=1e-12)
    assert normal.std(axis=1) == pytest.approx([1, 1], rel=1e-5)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"name": "conv1d", "filters": 1, "kernel": 0}, "conv1d: kernel must be a positive"),
        ({"name": "conv1d", "filters": 1}, "layer conv1d needs its kernel"),
        ({"name": "maxout", "units": 2, "pieces": 0}, "maxout: pieces must be a positive"),
        ({"name": "maxout", "units": 2, "activation": "relu"}, "layer maxout has no 'activation'"),
        ({"name": "dropout", "rate": 1}, "dropout: rate must be a number from 0 to 0.99, got 1"),
        ({"name": "dropout", "rate": "x"}, "dropout: rate must be a number from 0 to 0.99, got"),
        ({"name": "gaussian_noise", "standard_deviation": -1}, "standard_deviation must be"),
        ({"name": "residual", "layers": []}, "residual: layers must be a list of at least one"),
        ({"name": "residual", "layers": ["x"]}, "layer must be one of .* got 'x'"),
        ({"name": "drop", "rate": 0.1}, "layer must be one of dense, .*, got 'drop'"),
        (3, "layer must be a name, or a table of a name and numbers"),
    ],
)
def test_invalid_layer(layer: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        layer_from(layer)


def test_kernel_larger_than_the_signal() -> None:
    with pytest.raises(NetworkError, match="kernel must fit the signal's 4 positions, got 5"):
        Network([Conv1D(1, 5), Dense(1)], inputs=8, channels=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": 0}, "inputs must be a positive integer, got 0"),
        ({"inputs": 3, "channels": 2}, "inputs must be a multiple of channels, got 3 and 2"),
        ({"inputs": 3, "dtype": "float16"}, "dtype must be float64 or float32, got 'float16'"),
        ({"inputs": 3, "loss": "categorical_cross_entropy"}, "for one output use binary_cross"),
    ],
)
def test_invalid_network(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        Network([Dense(1)], **arguments)


@pytest.mark.parametrize(
    ("activation", "loss", "message"),
    [
        ("softmax", "categorical_cross_entropy", "takes logits and applies softmax itself"),
        ("relu", "binary_cross_entropy", "takes logits and applies sigmoid itself"),
        ("sigmoid", "mean_squared_error", "for sigmoid probabilities use binary_cross_entropy"),
        ("softmax", "huber", "for softmax probabilities use categorical_cross_entropy"),
    ],
)
def test_loss_that_does_not_match_the_output(activation: str, loss: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        Network([Dense(2, activation)], inputs=3, loss=loss)


@pytest.mark.parametrize(
    ("task", "outputs", "low", "high"),
    [
        ("regression", 1, -np.inf, np.inf),
        ("non_negative", 1, 0, np.inf),
        ("binary", 1, 0, 1),
        ("multi_label", 4, 0, 1),
        ("multi_class", 4, 0, 1),
    ],
)
def test_output_of_a_task_has_the_target_range(
    task: str, outputs: int, low: float, high: float
) -> None:
    end = TASKS[task].output_layer(outputs)
    network = Network([Dense(5, "tanh"), end], 3, TASKS[task].loss)
    theta = 3 * network.initial_parameters(np.random.default_rng(0))
    predictions = network.predict(theta, 5 * np.random.default_rng(1).standard_normal((50, 3)))
    assert predictions.shape == (50, outputs)
    assert predictions.min() >= low
    assert predictions.max() <= high
    if task == "regression":
        assert predictions.min() < 0 < predictions.max()
    if task == "multi_class":
        assert predictions.sum(axis=1) == pytest.approx(np.ones(50))


def test_invalid_theta() -> None:
    network = Network([Dense(1)], inputs=2)
    with pytest.raises(NetworkError, match=r"theta must have shape \(3,\) or \(members, 3\)"):
        network.predict(np.zeros(4), [[1, 2]])
    with pytest.raises(NetworkError, match="theta must be float64, got float32"):
        network.compile(np.zeros(3, np.float32), 2)
    with pytest.raises(NetworkError, match="batch_size must be a positive integer, got 0"):
        network.compile(np.zeros(3), 0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0], "weights must be at least 0, and not all 0"),
        ([0.0, 0.0], "weights must be at least 0, and not all 0"),
        ([1.0], "as many as the rows, 1 ≠ 2"),
        ([1.0, np.nan], "weights must be finite"),
    ],
)
def test_invalid_weights(weights: list[float], message: str) -> None:
    network = Network([Dense(1)], inputs=1)
    with pytest.raises(NetworkError, match=message):
        network.loss_of(np.zeros(2), [[1.0], [2.0]], [0, 1], weights)


def test_summary() -> None:
    network = Network(
        [Conv1D(2, 20, 10, "relu"), {"name": "dropout", "rate": 0.5}, Dense(1)], inputs=100
    )
    assert network.summary().splitlines() == [
        "layer                    output  parameters",
        "───────────────────────────────────────────",
        "input                    100              0",
        "conv1d(2, 20, 10, relu)  9 × 2           42",
        "dropout(0.5)             9 × 2            0",
        "dense(1)                 1               19",
        "───────────────────────────────────────────",
        "61 parameters, float64; loss binary_cross_entropy",
    ]
