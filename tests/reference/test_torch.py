"""The engine against PyTorch: outputs, losses, gradients and updates, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.activations.rectifiers import SELU_ALPHA, SELU_SCALE
from model.network.layers import LAYERS
from model.network.losses import LOSSES
from model.network.network import Network
from model.training.optimizers.registry import Adam, GradientDescent
from model.training.recipes.recipe import load_recipe
from model.training.tables.partitions import read_table

torch = pytest.importorskip("torch", reason="compares with PyTorch: make oracles")
F = torch.nn.functional
Tensor = Any
Blocks = list[Tensor]

ROWS, FEATURES = 9, 12
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "swish": F.silu,
    "softplus": F.softplus,
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "softmax": lambda x: torch.softmax(x, dim=1),
}
TANH = {"units": 5, "activation": "tanh"}
WIDE = {"units": FEATURES, "activation": "tanh"}
WINDOWS = {"filters": 3, "kernel": 3, "stride": 2}  # of 6 positions × 2 channels


def split(block: Tensor) -> tuple[Tensor, Tensor]:
    return block[:, :-1], block[:, -1]


def dense(block: Tensor, x: Tensor) -> Tensor:
    return F.linear(x, *split(block))


def conv1d(block: Tensor, x: Tensor) -> Tensor:
    """Our features are positions, then channels; PyTorch takes (B, channels, positions)."""
    weights, bias = split(block)
    signal = x.reshape(ROWS, 6, 2).transpose(1, 2)
    y = F.conv1d(signal, weights.reshape(3, 3, 2).transpose(1, 2), bias, stride=2)
    return y.transpose(1, 2).reshape(ROWS, -1)


def locally_connected1d(block: Tensor, x: Tensor) -> Tensor:
    windows = x.reshape(ROWS, 6, 2).unfold(1, 3, 2)  # B, windows, channels, kernel
    flat = windows.transpose(2, 3).reshape(ROWS, 2, 6)
    weights, bias = split(block)
    y = torch.einsum("btk,tfk->btf", flat, weights.reshape(2, 3, 6)) + bias.reshape(2, 3)
    return y.reshape(ROWS, -1)


def activated(function: Callable[[Tensor], Tensor]) -> Callable[[Blocks, Tensor], Tensor]:
    return lambda blocks, x: function(dense(blocks[0], x))


# For each layer: its plain data, and the same layer in PyTorch from the blocks of its parameters.
CASES: dict[str, tuple[list[Any], Callable[[Blocks, Tensor], Tensor]]] = {
    "dense": ([TANH], lambda b, x: torch.tanh(dense(b[0], x))),
    "conv1d": ([{"name": "conv1d", **WINDOWS}, "flatten"], lambda b, x: conv1d(b[0], x)),
    "locally_connected1d": (
        [{"name": "locally_connected1d", **WINDOWS}],
        lambda b, x: locally_connected1d(b[0], x),
    ),
    "maxout": (
        [{"name": "maxout", "units": 4, "pieces": 3}],
        lambda b, x: dense(b[0], x).reshape(ROWS, 3, 4).max(dim=1).values,
    ),
    "layer_normalization": (
        ["layer_normalization"],
        lambda b, x: F.layer_norm(x, (FEATURES,), b[0][:, 0], b[0][:, 1]),
    ),
    "residual": (
        [{"name": "residual", "layers": [TANH, WIDE]}],
        lambda b, x: x + torch.tanh(dense(b[1], torch.tanh(dense(b[0], x)))),
    ),
    "residual, projected": (
        [{"name": "residual", "layers": [TANH]}],
        lambda b, x: torch.tanh(dense(b[0], x)) + dense(b[1], x),
    ),
    "silent noise": (
        [
            {"name": "dropout", "rate": 0.5},
            {"name": "alpha_dropout", "rate": 0.5},
            {"name": "gaussian_noise", "standard_deviation": 1},
        ],
        lambda b, x: x,  # noqa: ARG005
    ),
    **{
        name: ([{"units": 5, "activation": name}], activated(function))
        for name, function in ACTIVATIONS.items()
    },
}
LOSS_ON_TORCH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean_squared_error": lambda z, y: F.mse_loss(z, y, reduction="none").mean(dim=1),
    "mean_absolute_error": lambda z, y: F.l1_loss(z, y, reduction="none").mean(dim=1),
    "huber": lambda z, y: F.huber_loss(z, y, reduction="none").mean(dim=1),
    "binary_cross_entropy": lambda z, y: F.binary_cross_entropy_with_logits(
        z, y, reduction="none"
    ).mean(dim=1),
    "categorical_cross_entropy": lambda z, y: F.cross_entropy(z, y, reduction="none"),
    "sparse_categorical_cross_entropy": lambda z, y: F.cross_entropy(z, y, reduction="none"),
}


def agree(
    layers: list[Any],
    on_torch: Callable[[Blocks, Tensor], Tensor],
    loss: Any,
    targets: Array,
    torch_loss: Callable[[Tensor, Tensor], Tensor],
    weights: Array | None = None,
) -> None:
    """Loss and gradient of all parameters, the engine's against PyTorch's."""
    generator = np.random.default_rng(1)
    network = Network([*layers, {"units": 3}], FEATURES, loss, channels=2)
    theta = network.initial_parameters(generator)
    theta += 0.1 * generator.standard_normal(theta.size)
    x = generator.standard_normal((ROWS, FEATURES))
    plan = network.compile(theta, ROWS, weighted=True)
    shares = np.full(ROWS, 1 / ROWS) if weights is None else weights / weights.sum()
    plan.load(x, network.loss.encode(targets, 3, "float64"), shares)
    plan.step()

    there = torch.tensor(theta, requires_grad=True)
    blocks = [
        part.reshape(b.shape)
        for b, part in zip(
            network.layout.blocks, there.split([b.size for b in network.layout.blocks]), strict=True
        )
    ]
    z = dense(blocks[-1], on_torch(blocks[:-1], torch.tensor(x)))
    expected = (torch_loss(z, torch.tensor(targets)) * torch.tensor(shares)).sum()
    expected.backward()
    assert network.logits(theta, x) == pytest.approx(z.detach().numpy(), rel=1e-11, abs=1e-13)
    assert plan.loss() == pytest.approx(expected.item(), rel=1e-12)
    assert plan.gradient == pytest.approx(there.grad.numpy(), rel=1e-9, abs=1e-13)


def targets_for(name: str) -> Array:
    generator = np.random.default_rng(2)
    if name == "sparse_categorical_cross_entropy":
        return generator.integers(0, 3, ROWS)
    if name == "categorical_cross_entropy":
        return generator.dirichlet([1] * 3, ROWS)
    return generator.uniform(size=(ROWS, 3)) * (1 if name == "binary_cross_entropy" else 4)


def test_every_layer_is_compared() -> None:
    assert set(LAYERS) <= {*CASES, "flatten", "dropout", "alpha_dropout", "gaussian_noise"}


@pytest.mark.parametrize("name", CASES)
def test_layer_or_activation(name: str) -> None:
    loss = "mean_squared_error"
    agree(*CASES[name], loss, targets_for(loss), LOSS_ON_TORCH[loss])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss(loss: str, weighted: bool) -> None:
    weights = np.arange(1.0, ROWS + 1) if weighted else None
    agree(*CASES["dense"], loss, targets_for(loss), LOSS_ON_TORCH[loss], weights)


def test_label_smoothing() -> None:
    loss = {"name": "sparse_categorical_cross_entropy", "label_smoothing": 0.2}

    def smoothed(z: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(z, y, reduction="none", label_smoothing=0.2)

    agree(*CASES["dense"], loss, targets_for("sparse_categorical_cross_entropy"), smoothed)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GradientDescent(0.1), lambda p: torch.optim.SGD(p, 0.1)),
        (Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
        (
            Adam(0.01, beta1=0.8, beta2=0.95, epsilon=1e-3),
            lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.95), eps=1e-3),
        ),
    ],
)
def test_optimizer_over_100_steps(ours: Any, theirs: Any) -> None:
    start = np.random.default_rng(0).standard_normal(20)
    scales = np.geomspace(0.1, 5, 20)
    theta, gradient = start.copy(), np.zeros(20)
    update = ours.bind(theta, gradient)
    there = torch.tensor(start, requires_grad=True)
    optimizer = theirs([there])
    for _ in range(100):
        gradient[...] = scales * np.sin(theta)
        for call in update:
            call()
        optimizer.zero_grad()
        (torch.tensor(scales) * (1 - torch.cos(there))).sum().backward()
        optimizer.step()
    assert theta == pytest.approx(there.detach().numpy(), rel=1e-10, abs=1e-10)


def test_selu_constants_agree() -> None:
    x = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    selu = F.selu(x).numpy()
    assert selu == pytest.approx([SELU_SCALE * SELU_ALPHA * np.expm1(-1), SELU_SCALE], rel=1e-15)


def test_float32_follows_float64_for_1000_steps() -> None:
    """The rows are the Wisconsin data; float64 is the reference."""
    table = read_table(load_recipe("article"))
    x = (table.rows - 1) / 9
    found = []
    for dtype in ("float64", "float32"):
        network = Network([{"units": 15, "activation": "relu"}, {"units": 1}], 9, dtype=dtype)
        theta = network.initial_parameters(np.random.default_rng(0))
        plan = network.compile(theta, len(x))
        plan.load(x, network.loss.encode(table.targets, 1, dtype))
        update = list(GradientDescent(0.1).bind(theta, plan.gradient))
        for _ in range(1000):
            plan.step()
            for call in update:
                call()
        found.append(network.predict(theta, x))
    assert np.abs(found[0] - found[1]).max() < 1e-4
