"""Plans of every layer, activation and loss: gradients against central differences."""

import json
from typing import Any

import numpy as np
import pytest
from support.allocation import allocated_bytes

from model.arrays import Array
from model.network.activations.registry import ACTIVATIONS
from model.network.autograd.gradient_check import gradient_error
from model.network.layers import LAYERS
from model.network.losses import LOSSES
from model.network.network import Network, network_from

ROWS, FEATURES = 7, 12
TANH = {"units": 5, "activation": "tanh"}
WIDE = {"units": FEATURES, "activation": "elu"}
CONV = {"name": "conv1d", "filters": 3, "kernel": 4, "stride": 2, "activation": "tanh"}
HIDDEN: dict[str, list[Any]] = {
    **{name: [{"units": 5, "activation": name}, TANH] for name in ACTIVATIONS},
    "none": [],
    "leaky_relu 0.3": [{"units": 5, "activation": {"name": "leaky_relu", "slope": 0.3}}],
    "elu 0.5": [{"units": 5, "activation": {"name": "elu", "alpha": 0.5}}],
    "maxout": [{"name": "maxout", "units": 4, "pieces": 3}],
    "layer_normalization": [TANH, "layer_normalization"],
    "layer_normalization first": ["layer_normalization", TANH],
    "residual": [TANH, {"name": "residual", "layers": [{**TANH, "activation": "relu"}, TANH]}],
    "residual, projected": [{"name": "residual", "layers": [TANH]}],
    "residuals nested": [
        {"name": "residual", "layers": [{"name": "residual", "layers": [WIDE]}, WIDE]}
    ],
    "conv1d": [CONV, {"name": "conv1d", "filters": 2, "kernel": 3}, "flatten"],
    "conv1d with gaps": [{**CONV, "kernel": 2, "stride": 3}, TANH],
    "conv1d overlapping": [TANH, {**CONV, "kernel": 3, "stride": 1}],
    "locally_connected1d": [
        {**CONV, "name": "locally_connected1d"},
        {"name": "locally_connected1d", "filters": 2, "kernel": 3, "activation": "swish"},
    ],
    "noise, off": [
        {"name": "gaussian_noise", "standard_deviation": 0.1},
        TANH,
        {"name": "dropout", "rate": 0.5},
        {"name": "alpha_dropout", "rate": 0.5},
    ],
}
SMOOTHED = [
    {"name": name, "label_smoothing": 0.1}
    for name in ("binary_cross_entropy", "categorical_cross_entropy")
]


def targets_for(loss: Any, outputs: int) -> Array:
    generator = np.random.default_rng(2)
    name = loss if isinstance(loss, str) else loss["name"]
    if name == "sparse_categorical_cross_entropy":
        return generator.integers(0, outputs, ROWS)
    if name == "categorical_cross_entropy":
        return generator.dirichlet([1] * outputs, ROWS)
    if name == "binary_cross_entropy":
        return generator.uniform(size=(ROWS, outputs))
    return 2 * generator.standard_normal((ROWS, outputs))


def problem(hidden: list[Any], loss: Any = "huber", outputs: int = 2) -> tuple[Any, ...]:
    """A network, θ with nonzero biases, rows and targets."""
    generator = np.random.default_rng(1)
    network = Network([*hidden, {"units": outputs}], FEATURES, loss)
    theta = network.initial_parameters(generator)
    theta += 0.1 * generator.standard_normal(theta.size)
    rows = generator.standard_normal((ROWS, FEATURES))
    return network, theta, rows, targets_for(loss, outputs)


def test_every_layer_is_compared() -> None:
    description = json.dumps(HIDDEN)
    assert all(f'"{name}"' in description or name == "dense" for name in LAYERS)


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_layer_or_activation(hidden: list[Any]) -> None:
    assert gradient_error(*problem(hidden)) < 1e-7


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_layer_or_activation_in_chunks(hidden: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows per chunk, and one in the last chunk."""
    monkeypatch.setattr("model.network.execution.chunks.CHUNK_NUMBERS", 1)
    monkeypatch.setattr("model.network.execution.chunks.MIN_CHUNK_ROWS", 2)
    assert gradient_error(*problem(hidden)) < 1e-7


@pytest.mark.parametrize("loss", [*LOSSES, *SMOOTHED], ids=str)
def test_loss(loss: Any) -> None:
    for outputs in (2, 3) if "categorical" in str(loss) else (1, 3):
        assert gradient_error(*problem([TANH], loss, outputs)) < 1e-7


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_members_in_one_plan_equal_separate_plans(hidden: list[Any]) -> None:
    network, theta, rows, targets = problem(hidden)
    members = np.stack([theta, 0.5 * theta, -theta])
    encoded = network.loss.encode(targets, 2, "float64")
    together = network.compile(members, ROWS)
    together.load(rows, encoded)
    together.step()
    for index, member in enumerate(members):
        alone = network.compile(member.copy(), ROWS)
        alone.load(rows, encoded)
        alone.step()
        assert together.gradient[index] == pytest.approx(alone.gradient, rel=1e-10, abs=1e-12)
        assert together.loss()[index] == pytest.approx(alone.loss(), rel=1e-12)
    apart = [network.predict(member, rows) for member in members]
    assert network.predict(members, rows) == pytest.approx(np.stack(apart), rel=1e-12)


def test_members_have_their_own_rows_and_weights() -> None:
    network, theta, rows, targets = problem([TANH])
    generator = np.random.default_rng(3)
    picks = generator.integers(0, ROWS, (2, ROWS))
    shares = generator.dirichlet([1] * ROWS, 2)
    plan = network.compile(np.stack([theta, theta]), ROWS, weighted=True, own_rows=True)
    plan.load(rows[picks], targets[picks], shares)
    plan.step()
    for index, (pick, share) in enumerate(zip(picks, shares, strict=True)):
        expected = network.loss_of(theta, rows[pick], targets[pick], share)
        assert plan.loss()[index] == pytest.approx(expected, rel=1e-12)
        alone = network.compile(theta, ROWS, weighted=True)
        alone.load(rows[pick], targets[pick], share)
        alone.step()
        assert plan.gradient[index] == pytest.approx(alone.gradient, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("own_rows", [False, True])
@pytest.mark.parametrize("name", ["tanh", "conv1d", "layer_normalization first"])
def test_gathered_batch_equals_loaded_batch(name: str, own_rows: bool) -> None:
    network, theta, rows, targets = problem(HIDDEN[name])
    members = np.stack([theta, -theta])
    encoded = network.loss.encode(targets, 2, "float64")
    index = np.random.default_rng(3).integers(0, ROWS, (2, 5) if own_rows else 5)
    loaded = network.compile(members, 5, own_rows=own_rows)
    loaded.load(rows[index], encoded[index])
    loaded.step()
    gathered = network.compile(members, 5, own_rows=own_rows, gathers=True)
    gathered.gather(network.prepare(rows, targets), index)
    gathered.step()
    assert gathered.gradient == pytest.approx(loaded.gradient, rel=1e-10, abs=1e-13)
    assert gathered.loss() == pytest.approx(loaded.loss(), rel=1e-13)


def test_weight_two_equals_duplicated_row() -> None:
    network, theta, rows, targets = problem([TANH])
    weights = np.array([2.0, 1, 1, 1, 1, 1, 1])
    twice = network.loss_of(theta, np.vstack([rows[:1], rows]), np.vstack([targets[:1], targets]))
    assert network.loss_of(theta, rows, targets, weights) == pytest.approx(twice, rel=1e-13)


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_forward_pass_equals_plan(hidden: list[Any]) -> None:
    network, theta, rows, targets = problem(hidden)
    plan = network.compile(theta, ROWS)
    plan.load(rows, network.loss.encode(targets, 2, "float64"))
    plan.step()
    assert plan.loss() == pytest.approx(network.loss_of(theta, rows, targets), rel=1e-12)


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_plain_data_round_trip(hidden: list[Any]) -> None:
    description = problem(hidden)[0].describe()
    assert network_from(json.loads(json.dumps(description))).describe() == description


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_step_allocates_no_array(hidden: list[Any], dtype: str) -> None:
    rows, batch = np.ones((500, FEATURES)), 500
    network = Network([*hidden, {"units": 1}], FEATURES, dtype=dtype)
    theta = network.initial_parameters(np.random.default_rng(0))
    plan = network.compile(theta, batch, generator=np.random.default_rng(0))
    plan.load(rows, network.loss.encode(np.ones(batch), 1, dtype))
    assert allocated_bytes(plan.step) < 2000  # bytes: less than any array
    assert plan.gradient.dtype == dtype
