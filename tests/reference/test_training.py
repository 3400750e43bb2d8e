"""Whole trainings against the same trainings written in PyTorch, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.layers import Dense
from model.network.network import Network
from model.training.batches.batches import Batches
from model.training.batches.rows import EncodedRows, Rows
from model.training.config import Training
from model.training.fitting.loop import minimize

torch = pytest.importorskip("torch", reason="compares with PyTorch: make oracles")

NETWORK = Network([Dense(7, "tanh"), Dense(5, "relu"), Dense(1)], inputs=4)
THETA = NETWORK.initial_parameters(np.random.default_rng(0))
EPOCHS = 20
TOLERANCE = 1e-10


def rows() -> Rows:
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((50, 4))
    return Rows(inputs, (inputs[:, 0] * inputs[:, 1] > 0).astype(float))


def peer() -> tuple[Any, list[Any], list[Any]]:
    """The network in PyTorch with the same weights; its weights, its biases."""
    linear = [torch.nn.Linear(4, 7), torch.nn.Linear(7, 5), torch.nn.Linear(5, 1)]
    network = torch.nn.Sequential(
        linear[0], torch.nn.Tanh(), linear[1], torch.nn.ReLU(), linear[2]
    ).double()
    for layer, block in zip(linear, NETWORK.layout.views(THETA), strict=True):
        layer.weight.data = torch.tensor(block[:, :-1].copy())
        layer.bias.data = torch.tensor(block[:, -1].copy())
    return network, [layer.weight for layer in linear], [layer.bias for layer in linear]


def flat(weights: list[Any], biases: list[Any]) -> Array:
    pairs = zip(weights, biases, strict=True)
    blocks = [torch.cat([w, b[:, None]], dim=1).detach().numpy().ravel() for w, b in pairs]
    return np.concatenate(blocks)


def train_peer(
    optimizer: Any,
    network: Any,
    how: Training,
    after_backward: Callable[[], object] = lambda: None,
    after_step: Callable[[], object] = lambda: None,
) -> None:
    """Train the peer for as many epochs on the same batches."""
    given = rows()
    inputs = torch.tensor(np.asarray(given.inputs))
    targets = torch.tensor(np.asarray(given.targets))[:, None]
    batches = Batches(NETWORK, THETA, EncodedRows(NETWORK, given), how)
    for epoch in range(EPOCHS):
        order = batches.order(epoch) if batches.count > 1 else np.arange(50)
        for start in range(0, 50, batches.size):
            index = torch.tensor(order[start : start + batches.size])
            optimizer.zero_grad()
            loss = torch.nn.BCEWithLogitsLoss()(network(inputs[index]), targets[index])
            loss.backward()
            after_backward()
            optimizer.step()
            after_step()


@pytest.mark.parametrize("batch_size", ["full", 16, 1])
def test_adam_with_a_schedule_and_clipping(batch_size: int | str) -> None:
    how = Training(
        optimizer="adam",
        learning_rate=0.02,
        epochs=EPOCHS,
        batch_size=batch_size,
        schedule="cosine",
        clip_norm=0.05,
    )
    network, weights, biases = peer()
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    steps = EPOCHS * Batches(NETWORK, THETA, EncodedRows(NETWORK, rows()), how).count
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def clip() -> None:
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.05)

    train_peer(optimizer, network, how, clip, schedule.step)
    found = minimize(NETWORK, THETA, how, rows()).theta
    np.testing.assert_allclose(found, flat(weights, biases), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("batch_size", ["full", 16])
def test_l2_penalty_and_layer_rates(batch_size: int | str) -> None:
    how = Training(
        optimizer={"name": "momentum", "momentum": 0.8},
        learning_rate=0.1,
        epochs=EPOCHS,
        batch_size=batch_size,
        l2=0.01,
        layer_rates=[0.1, 1, 0.5],
    )
    network, weights, biases = peer()
    groups = []
    for weight, bias, rate in zip(weights, biases, (0.1, 1, 0.5), strict=True):
        groups += [
            {"params": [weight], "lr": 0.1 * rate, "weight_decay": 0.01},
            {"params": [bias], "lr": 0.1 * rate},
        ]
    train_peer(torch.optim.SGD(groups, lr=0.1, momentum=0.8), network, how)
    found = minimize(NETWORK, THETA, how, rows()).theta
    np.testing.assert_allclose(found, flat(weights, biases), rtol=0, atol=TOLERANCE)


def test_norm_constraint_and_decoupled_decay() -> None:
    how = Training(
        optimizer={"name": "adamw", "weight_decay": 0.1},
        learning_rate=0.02,
        epochs=EPOCHS,
        batch_size=16,
        max_norm=0.9,
    )
    network, weights, biases = peer()
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.02)

    def bound() -> None:
        for weight in weights:
            norms = weight.data.norm(dim=1, keepdim=True)
            weight.data *= torch.clamp(0.9 / norms, max=1)

    train_peer(optimizer, network, how, after_step=bound)
    found = minimize(NETWORK, THETA, how, rows()).theta
    np.testing.assert_allclose(found, flat(weights, biases), rtol=0, atol=TOLERANCE)


def test_running_average() -> None:
    how = Training(optimizer="adam", learning_rate=0.02, epochs=EPOCHS, batch_size=16, average=0.9)
    network, _, _ = peer()
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    train_peer(optimizer, network, how, after_step=lambda: averaged.update_parameters(network))
    layers = [averaged.module[index] for index in (0, 2, 4)]
    expected = flat([layer.weight for layer in layers], [layer.bias for layer in layers])
    found = minimize(NETWORK, THETA, how, rows()).theta
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
