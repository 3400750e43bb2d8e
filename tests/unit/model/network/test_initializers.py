import math
from typing import Any

import numpy as np
import pytest

from model.errors import NetworkError
from model.network.activations.registry import ACTIVATIONS
from model.network.config import build
from model.network.initializers import INITIALIZERS, Fans
from model.network.network import Network

FANS = Fans((300, 200), fan_in=200, fan_out=300)


def draw(description: Any, fans: Fans = FANS) -> Any:
    return build("initializer", INITIALIZERS, description)(fans, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "variance"),
    [("lecun", 1 / 200), ("glorot", 2 / 500), ("he", 2 / 200)],
)
def test_variance_and_limit(name: str, variance: float) -> None:
    normal, uniform = draw(f"{name}_normal"), draw(f"{name}_uniform")
    for weights in (normal, uniform):
        assert weights.mean() == pytest.approx(0, abs=4 * math.sqrt(variance / weights.size))
        assert weights.var() == pytest.approx(variance, rel=0.03)
    assert np.abs(uniform).max() == pytest.approx(math.sqrt(3 * variance), rel=1e-3)
    assert np.abs(normal).max() > 3.5 * math.sqrt(variance)  # not uniform


def test_plain_distributions() -> None:
    uniform = draw({"name": "uniform", "low": -1, "high": 3})
    assert (uniform.min(), uniform.max()) == (
        pytest.approx(-1, abs=1e-3),
        pytest.approx(3, abs=1e-3),
    )
    normal = draw({"name": "normal", "mean": 2, "standard_deviation": 0.5})
    assert (normal.mean(), normal.std()) == (
        pytest.approx(2, rel=0.01),
        pytest.approx(0.5, rel=0.02),
    )
    assert not draw("zeros").any()
    assert (draw("ones") == 1).all()
    assert (draw({"name": "constant", "value": 0.5}) == 0.5).all()


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    weights = draw({"name": "orthogonal", "gain": 2}, Fans(shape, shape[1], shape[0]))
    gram = weights @ weights.T if shape[0] <= shape[1] else weights.T @ weights
    assert gram == pytest.approx(4 * np.eye(min(shape)), abs=1e-12)


@pytest.mark.parametrize("name", ["conv1d", "locally_connected1d"])
def test_fans_of_a_convolution_count_the_kernel(name: str) -> None:
    layer = {"name": name, "filters": 40, "kernel": 5, "initializer": "glorot_uniform"}
    network = Network([layer, {"units": 1}], inputs=120, channels=6)
    theta = network.initial_parameters(np.random.default_rng(0))
    weights = network.layout.views(theta)[0][:, :-1]
    limit = math.sqrt(6 / (5 * 6 + 5 * 40))  # positions × channels, positions × filters
    assert np.abs(weights).max() == pytest.approx(limit, rel=0.01)


@pytest.mark.parametrize(
    ("activation", "default"),
    [(None, "glorot_normal"), ("sigmoid", "glorot_normal"), ("tanh", "glorot_normal")]
    + [(name, "he_normal") for name in ("relu", "leaky_relu", "elu", "swish", "softplus", "gelu")]
    + [("selu", "lecun_normal")],
)
def test_defaults_by_activation(activation: str | None, default: str) -> None:
    layers = [
        {"units": 4, "activation": activation, "initializer": name} for name in (None, default)
    ]
    left, right = (
        Network([layer, {"units": 1}], 3).initial_parameters(np.random.default_rng(7))
        for layer in layers
    )
    assert np.array_equal(left, right)


def deep_signal(activation: str, initializer: str) -> float:
    """The ratio of the mean square after 20 layers of 256 units to that after the first."""
    layer = {"units": 256, "activation": activation, "initializer": initializer}
    network = Network([layer] * 20 + [{"units": 1}], 256, dtype="float32")
    theta = network.initial_parameters(np.random.default_rng(0))
    rows = np.random.default_rng(1).standard_normal((100, 256))
    outputs = network.activations(theta, rows)
    return float(np.square(outputs[19]).mean() / np.square(outputs[0]).mean())


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("activation", "name", "low", "high"),
    [
        ("relu", "he", 0.3, 3),
        ("leaky_relu", "he", 0.3, 3),
        ("selu", "lecun", 0.5, 2),
        ("linear", "glorot", 0.3, 3),
        ("linear", "lecun", 0.3, 3),
        ("tanh", "glorot", 0.03, 1),  # shrinks slowly, as 1 / depth
    ],
)
def test_signals_keep_their_size_through_20_layers(
    activation: str, name: str, kind: str, low: float, high: float
) -> None:
    assert low < deep_signal(activation, f"{name}_{kind}") < high


@pytest.mark.parametrize(
    ("activation", "name", "low", "high"),
    [
        ("relu", "glorot", 0, 1e-4),  # vanishes: half the variance per layer
        ("relu", "lecun", 0, 1e-4),
        ("linear", "he", 1e4, 1e8),  # explodes: twice the variance per layer
    ],
)
def test_wrong_pairs_vanish_or_explode(activation: str, name: str, low: float, high: float) -> None:
    assert low < deep_signal(activation, f"{name}_normal") < high


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
def test_default_weights_neither_vanish_nor_explode_in_3_layers(name: str) -> None:
    network = Network([{"units": 256, "activation": name}] * 3 + [{"units": 1}], 256)
    theta = network.initial_parameters(np.random.default_rng(0))
    rows = np.random.default_rng(1).standard_normal((100, 256))
    last = network.activations(theta, rows)[2]
    assert 0.05 < np.square(last).mean() < 20


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        ({"name": "uniform", "low": 1, "high": 1}, "uniform: low must be below high, got 1 and 1"),
        ({"name": "normal", "standard_deviation": -1}, "normal: standard_deviation must be"),
        ({"name": "normal", "sigma": 1}, "initializer normal has no 'sigma': it takes mean, stand"),
        ({"name": "he_normal", "gain": 1}, "initializer he_normal has no 'gain': it takes none"),
        ({"name": "constant", "value": math.inf}, "constant: value must be a number from"),
        ("xavier", "initializer must be one of zeros, .*, got 'xavier'"),
        ([1], "initializer must be a name, or a table of a name and numbers"),
    ],
)
def test_invalid_initializer(initializer: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        build("initializer", INITIALIZERS, initializer)


@pytest.mark.parametrize("description", ["he_normal", {"name": "uniform", "low": -1.0}])
def test_plain_data_round_trip(description: Any) -> None:
    assert build("initializer", INITIALIZERS, description).describe() == description
