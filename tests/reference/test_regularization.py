"""Penalties, norm constraints and averages against PyTorch, alone and in one training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.layers import Dense, LayerNormalization
from model.network.network import Network
from model.training.batches.batches import Batches
from model.training.batches.rows import EncodedRows, Rows
from model.training.config import Training
from model.training.fitting.loop import minimize
from model.training.optimizers.registry import optimizer_from
from model.training.regularization.gradients import penalize
from model.training.regularization.weights import Average, bound_norms

torch = pytest.importorskip("torch", reason="compares with PyTorch: make oracles")

NETWORK = Network([Dense(6, "tanh"), Dense(3)], inputs=4, loss="mean_squared_error")
THETA = NETWORK.initial_parameters(np.random.default_rng(0))
STEPS, ROWS = 100, 40
TOLERANCE = 1e-10


@pytest.fixture(autouse=True)
def use_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def rows(weights: Array | None = None) -> Rows:
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((ROWS, 4))
    targets = np.sin(inputs @ generator.standard_normal((4, 3)))
    return Rows(inputs, targets, weights)


def peer(theta: Array = THETA) -> Any:
    """The network in PyTorch with these weights."""
    network = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
    for layer, block in zip((network[0], network[2]), NETWORK.layout.views(theta), strict=True):
        layer.weight.data = torch.tensor(block[:, :-1].copy())
        layer.bias.data = torch.tensor(block[:, -1].copy())
    return network


def flat(network: Any) -> Array:
    """θ of a peer, or of its average."""
    layers = [network[index] for index in (0, 2)]
    blocks = [torch.cat([layer.weight, layer.bias[:, None]], dim=1) for layer in layers]
    return np.concatenate([block.detach().numpy().ravel() for block in blocks])


def weights_of(network: Any) -> list[Any]:
    return [network[0].weight, network[2].weight]


def biases_of(network: Any) -> list[Any]:
    return [network[0].bias, network[2].bias]


def their_loss(network: Any, of: Rows, index: Array) -> Any:
    """The mean over rows, weighted, of the mean over outputs of squared errors."""
    inputs, targets = (torch.tensor(np.asarray(each)[index]) for each in (of.inputs, of.targets))
    losses = ((network(inputs) - targets) ** 2).mean(dim=1)
    if of.weights is None:
        return losses.mean()
    weights = np.asarray(of.weights)
    return (losses * torch.tensor((weights / weights.mean())[index])).mean()


def agree(found: Array, expected: Array) -> None:
    assert np.abs(expected - THETA).max() > 1e-3, "θ has hardly changed: nothing was compared"
    difference = np.abs(found - expected).max()
    print(f"\ndifference {difference:.1e}")
    assert difference <= TOLERANCE


def test_losses_agree() -> None:
    expected = float(their_loss(peer(), rows(), np.arange(ROWS)).detach())
    of = rows()
    assert float(NETWORK.loss_of(THETA, of.inputs, of.targets)) == pytest.approx(expected)


def test_l2_equals_weight_decay_without_biases() -> None:
    theta, gradient = THETA.copy(), np.zeros_like(THETA)
    of = rows()
    plan = NETWORK.compile(theta, ROWS, gradient=gradient)
    plan.load(np.asarray(of.inputs), np.asarray(of.targets))
    update = optimizer_from({"name": "gradient_descent", "learning_rate": 0.2})
    calls = [
        plan.step,
        *penalize(theta, gradient, NETWORK.layout.weights_mask(), 0, 0.05),
        *update.bind(theta, gradient),
    ]
    network = peer()
    groups = [
        {"params": weights_of(network), "weight_decay": 0.05},
        {"params": biases_of(network), "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.2)
    for _ in range(STEPS):
        for call in calls:
            call()
        optimizer.zero_grad()
        their_loss(network, of, np.arange(ROWS)).backward()
        optimizer.step()
    agree(theta, flat(network))


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.4), (0.3, 0.4)])
def test_penalty_gradients_equal_autograd(l1: float, l2: float) -> None:
    gradient, network = np.zeros_like(THETA), peer()
    for call in penalize(THETA, gradient, NETWORK.layout.weights_mask(), l1, l2):
        call()
    terms = [l1 * w.abs().sum() + l2 / 2 * (w**2).sum() for w in weights_of(network)]
    sum(terms).backward()
    for weight in weights_of(network):
        weight.data = weight.grad
    for bias in biases_of(network):
        assert bias.grad is None
        bias.data = torch.zeros_like(bias)
    np.testing.assert_allclose(gradient, flat(network), rtol=1e-14, atol=0)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_the_average_is_torch_s(decay: float) -> None:
    swa, network, theta = torch.optim.swa_utils, peer(), THETA.copy()
    averaged = swa.AveragedModel(network, multi_avg_fn=swa.get_ema_multi_avg_fn(decay))
    average, generator = Average(theta, decay), np.random.default_rng(3)
    for _ in range(STEPS):
        theta += generator.standard_normal(theta.shape)
        average()
        moved = peer(theta)
        network.load_state_dict(moved.state_dict())
        averaged.update_parameters(network)
    agree(average.theta, flat(averaged.module))


@pytest.mark.parametrize("limit", [1e-3, 0.5, 1.0, 100.0])
def test_norm_constraint_equals_renorm(limit: float) -> None:
    """PyTorch divides by the norm + 1e-7."""
    layers: list[Any] = [Dense(30, "tanh"), LayerNormalization(), Dense(20)]
    layout = Network(layers, inputs=10, loss="mean_squared_error").layout
    theta = np.random.default_rng(0).standard_normal(layout.size) / 5
    before = theta.copy()
    for call in bound_norms(theta, layout, limit):
        call()
    was, now = layout.views(before), layout.views(theta)
    for index in (0, 2):
        expected = torch.renorm(torch.tensor(was[index][:, :-1].copy()), 2, 0, limit).numpy()
        np.testing.assert_allclose(now[index][:, :-1], expected, rtol=1e-6, atol=0)
        assert (now[index][:, -1] == was[index][:, -1]).all()
    assert (now[1] == was[1]).all()


def their_training(how: Training, of: Rows, rate: float, epochs: int, steps: int) -> Array:
    """Adam with penalties in the loss, both clippings, a cosine, bounded norms and an average."""
    utils, swa, network = torch.nn.utils, torch.optim.swa_utils, peer()
    averaged = swa.AveragedModel(network, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    batches = Batches(NETWORK, THETA, EncodedRows(NETWORK, of), how)
    for epoch in range(epochs):
        order = batches.order(epoch) if steps > 1 else np.arange(ROWS)
        for start in range(0, ROWS, batches.size):
            optimizer.zero_grad()
            loss = their_loss(network, of, order[start : start + batches.size])
            for weight in weights_of(network):
                loss = loss + how.l1 * weight.abs().sum() + how.l2 / 2 * (weight**2).sum()
            loss.backward()
            utils.clip_grad_value_(network.parameters(), how.clip_value)
            utils.clip_grad_norm_(network.parameters(), how.clip_norm)
            optimizer.step()
            schedule.step()
            for weight in weights_of(network):
                norms = weight.data.norm(dim=1, keepdim=True)
                weight.data *= torch.clamp(how.max_norm / norms, max=1)
            averaged.update_parameters(network)
    return flat(averaged.module)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("batch_size", "epochs", "steps"), [("full", 50, 1), (16, 17, 3)])
def test_all_combined(batch_size: Any, epochs: int, steps: int, weighted: bool) -> None:
    """50 steps: the parts before and after the update, and the smaller last batch."""
    of = rows(np.random.default_rng(4).uniform(0.1, 3, ROWS) if weighted else None)
    rates = (0.05, 0.01)

    def training(rate: Any) -> Training:
        return Training(
            optimizer="adam",
            learning_rate=rate,
            epochs=epochs,
            batch_size=batch_size,
            schedule="cosine",
            l1=0.003,
            l2=0.01,
            clip_value=0.05,
            clip_norm=0.1,
            max_norm=1.1,
            average=0.9,
        )

    expected = [their_training(training(rate), of, rate, epochs, steps) for rate in rates]
    for rate, each in zip(rates, expected, strict=True):
        agree(minimize(NETWORK, THETA, training(rate), of).theta, each)
    members = np.stack([THETA, THETA])
    found = minimize(NETWORK, members, training(list(rates)), of).theta
    for member, each in zip(found, expected, strict=True):
        agree(member, each)


def test_each_part_changes_the_result() -> None:
    """Otherwise the test of all combined would not detect a missing part."""
    whole: dict[str, Any] = {
        "l1": 0.003,
        "l2": 0.01,
        "clip_value": 0.05,
        "clip_norm": 0.1,
        "max_norm": 1.1,
        "average": 0.9,
    }

    def theta(given: dict[str, Any]) -> Array:
        how = Training(optimizer="adam", learning_rate=0.05, epochs=17, batch_size=16, **given)
        return minimize(NETWORK, THETA, how, rows()).theta

    found = theta(whole)
    for key in whole:
        rest = {name: value for name, value in whole.items() if name != key}
        assert np.abs(theta(rest) - found).max() > 1e-4, key
