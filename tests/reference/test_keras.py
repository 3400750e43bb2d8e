"""Activations, losses and layers against Keras, on its PyTorch backend, in float64."""

import os
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.activations.registry import ACTIVATIONS
from model.network.config import build
from model.network.losses import LOSSES
from model.network.network import Network

pytest.importorskip("torch", reason="Keras runs on PyTorch: make oracles")
os.environ["KERAS_BACKEND"] = "torch"  # its NumPy backend clips binary cross-entropy
keras = pytest.importorskip("keras", reason="compares with Keras: make oracles")

# NumPy 2 warns of Keras 3.x's conversion from PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROWS = 9


@pytest.fixture(autouse=True, scope="module")
def in_float64() -> None:
    keras.backend.set_floatx("float64")


def to_numpy(value: Any) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(value))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    x = np.random.default_rng(0).normal(0, 3, (ROWS, 5))
    description: Any = {"leaky_relu": {"name": name, "slope": 0.2}}.get(name, name)
    ours = build("activation", ACTIVATIONS, description).value(x.T).T
    if name == "gelu":
        theirs = keras.activations.gelu(x, approximate=True)
    elif name == "swish":
        theirs = keras.activations.silu(x)
    else:
        theirs = getattr(keras.activations, name)(keras.ops.convert_to_tensor(x))
    assert ours == pytest.approx(to_numpy(theirs), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mean_squared_error", keras.losses.MeanSquaredError()),
        ("mean_absolute_error", keras.losses.MeanAbsoluteError()),
        ("huber", keras.losses.Huber()),
        ("binary_cross_entropy", keras.losses.BinaryCrossentropy(from_logits=True)),
        ("categorical_cross_entropy", keras.losses.CategoricalCrossentropy(from_logits=True)),
        (
            "sparse_categorical_cross_entropy",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        ),
    ],
)
def test_loss(name: str, theirs: Any) -> None:
    generator = np.random.default_rng(1)
    z = generator.normal(0, 3, (ROWS, 4))
    y: Array = generator.dirichlet([1] * 4, ROWS)
    if name.startswith("sparse"):
        y = generator.integers(0, 4, ROWS)
    loss = build("loss", LOSSES, name)
    ours = loss.value(z.T, loss.encode(y, 4, "float64").T).mean()
    assert ours == pytest.approx(float(to_numpy(theirs(y, z))), rel=1e-6)


def test_every_loss_is_compared() -> None:
    assert len(LOSSES) == 6


def test_layers() -> None:
    """Convolution, normalization and dense layers of one network, with the same weights."""
    network = Network(
        [
            {"name": "conv1d", "filters": 4, "kernel": 3, "stride": 2, "activation": "tanh"},
            "flatten",
            "layer_normalization",
            {"units": 5, "activation": "relu"},
            {"units": 2},
        ],
        inputs=18,
        loss="categorical_cross_entropy",
        channels=2,
    )
    generator = np.random.default_rng(2)
    theta = network.initial_parameters(generator) + 0.1
    peer = keras.Sequential(
        [
            keras.layers.Input((9, 2)),
            keras.layers.Conv1D(4, 3, 2, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.LayerNormalization(epsilon=1e-5),
            keras.layers.Dense(5, "relu"),
            keras.layers.Dense(2, "softmax"),
        ]
    )
    conv, norm, hidden, last = network.layout.views(theta)
    weights = [
        conv[:, :-1].reshape(4, 3, 2).transpose(1, 2, 0),
        conv[:, -1],
        norm[:, 0],
        norm[:, 1],
    ]
    for block in (hidden, last):
        weights += [block[:, :-1].T, block[:, -1]]
    peer.set_weights(weights)
    rows = generator.standard_normal((ROWS, 18))
    theirs = to_numpy(peer(rows.reshape(ROWS, 9, 2)))
    assert network.predict(theta, rows) == pytest.approx(theirs, abs=1e-7)
