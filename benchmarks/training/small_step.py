"""Steps of the article's network, 9-15-1 on 500 rows, full batch, in several ways.

None of them computes the loss, except peers that always do: scikit-learn and Keras.
"""

from contextvars import copy_context
from typing import Any

import numpy as np

from benchmarks.harness.timing import Run, repeated
from model.arrays import Array, aligned, as_unsigned
from model.network.network import Network
from model.training.optimizers.registry import GradientDescent

ROWS, FEATURES, HIDDEN, RATE = 500, 9, 15, 0.01


def problem(dtype: str) -> tuple[Array, Array, Array, Array]:
    """Return X `(features, B)`, y `(1, B)` and the weights of both layers.

    The labels are not linearly separable.
    """
    generator = np.random.default_rng(1)
    x = generator.uniform(size=(FEATURES, ROWS))
    y = generator.uniform(size=(1, ROWS)) < x.mean(axis=0)
    w1 = generator.standard_normal((HIDDEN, FEATURES)) / 3
    w2 = generator.standard_normal((1, HIDDEN)) / 4
    return x.astype(dtype), y.astype(dtype), w1.astype(dtype), w2.astype(dtype)


def article_style(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    """The style of walk-throughs: a line and a new array for every factor of the chain rule.

    The loss's derivative is a division, σ is computed again for its derivative, biases are
    separate, and the gradient is propagated back to the rows.

    Args:
        x: `(features, B)`.
        y: `(1, B)`.
        w1: The weights of the hidden layer.
        w2: The weights of the output layer.
    """
    b1, b2 = np.zeros((HIDDEN, 1), x.dtype), np.zeros((1, 1), x.dtype)

    def step() -> None:
        nonlocal w1, b1, w2, b2
        z1 = w1.dot(x) + b1
        a1 = np.maximum(0, z1)
        z2 = w2.dot(a1) + b2
        p = 1 / (1 + np.exp(-z2))
        d_p = -(np.divide(y, p) - np.divide(1 - y, 1 - p))
        sigmoid = 1 / (1 + np.exp(-z2))
        d_z2 = d_p * sigmoid * (1 - sigmoid)
        d_a1 = np.dot(w2.T, d_z2)
        d_w2 = 1 / ROWS * np.dot(d_z2, a1.T)
        d_b2 = 1 / ROWS * np.dot(d_z2, np.ones((ROWS, 1), x.dtype))
        d_z1 = d_a1 * (z1 > 0)
        np.dot(w1.T, d_z1)
        d_w1 = 1 / ROWS * np.dot(d_z1, x.T)
        d_b1 = 1 / ROWS * np.dot(d_z1, np.ones((ROWS, 1), x.dtype))
        w1, b1 = w1 - RATE * d_w1, b1 - RATE * d_b1
        w2, b2 = w2 - RATE * d_w2, b2 - RATE * d_b2

    return repeated(step)


def preallocated(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    """The floor: folded biases and every call on preallocated buffers, written out.

    Args:
        x: `(features, B)`.
        y: `(1, B)`.
        w1: The weights of the hidden layer.
        w2: The weights of the output layer.
    """
    dtype = x.dtype
    w1, w2 = (
        np.column_stack([w1, np.zeros(HIDDEN, dtype)]),
        np.column_stack([w2, [[dtype.type(0)]]]),
    )
    x1, a1, d_a, zeros = (
        aligned((rows, ROWS), dtype) for rows in (FEATURES + 1, HIDDEN + 1, HIDDEN, HIDDEN)
    )
    x1[:-1], x1[-1], a1[-1] = x, 1, 1
    a, z, d_w1, d_w2 = a1[:-1], np.empty_like(y), np.empty_like(w1), np.empty_like(w2)
    a_bits, d_bits = as_unsigned(a), as_unsigned(d_a)
    negative, one, scale = 1 - y, np.array(1, dtype), np.array(1 / ROWS, dtype)
    rate = np.array(RATE, dtype)
    x_t, a_t, w2_t = x1.T, a1.T, w2[:, :-1].T

    def step() -> None:
        np.dot(w1, x1, out=a)
        np.maximum(a, zeros, out=a)
        np.dot(w2, a1, out=z)
        np.exp(z, out=z)
        np.add(z, one, out=z)
        np.reciprocal(z, out=z)
        np.subtract(negative, z, out=z)
        np.multiply(z, scale, out=z)
        np.dot(z, a_t, out=d_w2)
        np.multiply(w2_t, z, out=d_a)
        np.sign(a_bits, out=a_bits)
        np.multiply(d_bits, a_bits, out=d_bits)
        np.dot(d_a, x_t, out=d_w1)
        np.multiply(d_w1, rate, out=d_w1)
        np.subtract(w1, d_w1, out=w1)
        np.multiply(d_w2, rate, out=d_w2)
        np.subtract(w2, d_w2, out=w2)

    context = copy_context()  # with small ufunc buffers, as the plan has
    context.run(np.setbufsize, 16)
    return lambda steps: context.run(repeated(step), steps)


def engine(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    """The compiled plan, with the optimizer's update.

    Args:
        x: `(features, B)`.
        y: `(1, B)`.
        w1: The weights of the hidden layer.
        w2: The weights of the output layer.
    """
    hidden = {"units": HIDDEN, "activation": "relu"}
    network = Network([hidden, {"units": 1}], FEATURES, dtype=x.dtype.name)
    theta = np.zeros(network.layout.size, x.dtype)
    first, second = network.layout.views(theta)
    first[:, :-1], second[:, :-1] = w1, w2
    plan = network.compile(theta, ROWS)
    plan.load(x.T, network.loss.encode(y.T, 1, x.dtype))
    update = list(GradientDescent(RATE).bind(theta, plan.gradient))

    def step() -> None:
        plan.step()
        for call in update:
            call()

    return repeated(step)


def jax(x: Array, y: Array, w1: Array, w2: Array) -> Run:
    """One jitted call per step, with donated weights; synchronized once at the end.

    Args:
        x: `(features, B)`.
        y: `(1, B)`.
        w1: The weights of the hidden layer.
        w2: The weights of the output layer.
    """
    import jax as peer
    import jax.numpy as jnp

    peer.config.update("jax_enable_x64", True)

    def loss(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        z = w2 @ jnp.maximum(w1 @ x + b1, 0) + b2
        return (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()

    def descend(weights: Any, x: Any, y: Any) -> Any:
        slopes = peer.grad(loss)(weights, x, y)
        return [w - x.dtype.type(RATE) * g for w, g in zip(weights, slopes, strict=True)]

    update = peer.jit(descend, donate_argnums=0)
    zeros = np.zeros((HIDDEN, 1), x.dtype), np.zeros((1, 1), x.dtype)
    weights = [jnp.array(each) for each in (w1, zeros[0], w2, zeros[1])]
    x_device, y_device = jnp.array(x), jnp.array(y)

    def run(steps: int) -> None:
        nonlocal weights
        for _ in range(steps):
            weights = update(weights, x_device, y_device)
        peer.block_until_ready(weights)

    return run


def pytorch(x: Array, y: Array, *_weights: Array) -> Run:
    """Eager PyTorch with its SGD."""
    import torch

    torch.set_num_threads(1)
    layers = torch.nn.Linear(FEATURES, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1)
    network = torch.nn.Sequential(*layers).to(getattr(torch, x.dtype.name))
    loss, optimizer = torch.nn.BCEWithLogitsLoss(), torch.optim.SGD(network.parameters(), RATE)
    rows, targets = torch.tensor(x.T.copy()), torch.tensor(y.T.copy())

    def step() -> None:
        optimizer.zero_grad()
        loss(network(rows), targets).backward()
        optimizer.step()

    return repeated(step)


def scikit_learn(x: Array, y: Array, *_weights: Array) -> Run:
    """One MLPClassifier.fit with one batch per epoch; partial_fit would validate in every step."""
    from sklearn.neural_network import MLPClassifier

    rows, targets = np.ascontiguousarray(x.T), y[0].astype(int)
    settings = {"solver": "sgd", "learning_rate_init": RATE, "momentum": 0, "alpha": 0}
    no_early_stop = {"tol": 0, "n_iter_no_change": 10**9, "shuffle": False, "batch_size": ROWS}

    def run(steps: int) -> None:
        MLPClassifier((HIDDEN,), max_iter=steps, **settings, **no_early_stop).fit(rows, targets)

    return run


def keras(x: Array, y: Array, *_weights: Array) -> Run:
    """Model.train_on_batch on the PyTorch backend."""
    import keras as peer

    peer.backend.set_floatx(x.dtype.name)
    layers = [peer.layers.Dense(HIDDEN, "relu"), peer.layers.Dense(1)]
    network = peer.Sequential([peer.layers.Input((FEATURES,)), *layers])
    network.compile(peer.optimizers.SGD(RATE), peer.losses.BinaryCrossentropy(from_logits=True))
    rows, targets = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)
    return repeated(lambda: network.train_on_batch(rows, targets))


OURS = (article_style, preallocated, engine)
PEERS = (jax, pytorch, scikit_learn, keras)
