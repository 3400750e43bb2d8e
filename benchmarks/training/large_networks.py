"""One epoch of mini-batches through larger networks, float32, Adam, in several ways.

The floor is the bare matrix products of the same steps, on preallocated buffers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness.timing import Run, repeated
from model.arrays import Array
from model.network.network import Network
from model.training.optimizers.registry import Adam


@dataclass(frozen=True)
class Job:
    """The size of a training.

    Attributes:
        rows: The number of rows.
        units: The number of features, then the units of each layer.
        batch: The batch size.
    """

    rows: int
    units: tuple[int, ...]
    batch: int

    @property
    def title(self) -> str:
        """The sizes as text, such as "60 000 × 784 → 128 → 10, batch 128"."""
        return f"{self.rows:,} × {' → '.join(map(str, self.units))}, batch {self.batch}"

    @property
    def is_binary(self) -> bool:
        """True for one output with binary cross-entropy; False for classes."""
        return self.units[-1] == 1

    def data(self) -> tuple[Array, Array]:
        """Return random rows `(N, features)` and class numbers `(N,)`, seeded."""
        generator = np.random.default_rng(0)
        x = generator.standard_normal((self.rows, self.units[0]), dtype=np.float32)
        return x, generator.integers(0, max(2, self.units[-1]), self.rows)

    def batches(self) -> list[Array]:
        """Return the full batches of a shuffled epoch, as indices."""
        order = np.random.default_rng(1).permutation(self.rows)
        full = self.rows // self.batch * self.batch
        return list(order[:full].reshape(-1, self.batch))


JOBS = (Job(60_000, (784, 128, 10), 128), Job(1_000_000, (32, 64, 64, 1), 1024))


def step_of(job: Job, x: Array, y: Array) -> Callable[[Array], None]:
    """Return the engine's step: gather, gradient, update.

    Args:
        job: The job.
        x: The rows.
        y: The class numbers.
    """
    hidden = [{"units": units, "activation": "relu"} for units in job.units[1:-1]]
    loss = "binary_cross_entropy" if job.is_binary else "sparse_categorical_cross_entropy"
    network = Network([*hidden, {"units": job.units[-1]}], job.units[0], loss, "float32")
    theta = network.initial_parameters(np.random.default_rng(0))
    plan = network.compile(theta, job.batch, gathers=True)
    update = list(Adam().bind(theta, plan.gradient))
    table = network.prepare(x, y)

    def step(index: Array) -> None:
        plan.gather(table, index)
        plan.step()
        for call in update:
            call()

    return step


def engine(job: Job, x: Array, y: Array) -> Run:
    """All batches of a shuffled epoch.

    Args:
        job: The job.
        x: The rows.
        y: The class numbers.
    """
    step = step_of(job, x, y)

    def epoch() -> None:
        for index in job.batches():
            step(index)

    return repeated(epoch)


def engine_steps(job: Job) -> Run:
    """A number of the engine's steps, over the batches of one epoch repeatedly."""
    step, batches = step_of(job, *job.data()), job.batches()

    def run(steps: int) -> None:
        for number in range(steps):
            step(batches[number % len(batches)])

    return run


def bare_products(job: Job, x: Array, y: Array) -> Run:  # noqa: ARG001
    """The matrix products only: forward, gradients of weights, and of inputs after the first layer.

    Args:
        job: The job.
        x: Unused.
        y: Unused.
    """
    generator = np.random.default_rng(0)
    calls = []
    for depth, (inputs, outputs) in enumerate(zip(job.units, job.units[1:], strict=False)):
        w, a, z = (
            generator.standard_normal(shape, dtype=np.float32)
            for shape in ((outputs, inputs), (inputs, job.batch), (outputs, job.batch))
        )
        calls += [(w, a, np.empty_like(z)), (z, a.T, np.empty_like(w))]
        if depth:
            calls.append((w.T, z, np.empty_like(a)))

    def epoch() -> None:
        for _ in range(job.rows // job.batch):
            for left, right, out in calls:
                np.dot(left, right, out)

    return repeated(epoch)


def jax(job: Job, x: Array, y: Array) -> Run:
    """One jitted step per batch with Adam; the rows are gathered inside, which is faster.

    Args:
        job: The job.
        x: The rows.
        y: The class numbers.
    """
    import jax as peer
    import jax.numpy as jnp

    def logits(weights: Any, x: Any) -> Any:
        for w, b in weights[:-1]:
            x = jnp.maximum(x @ w + b, 0)
        return x @ weights[-1][0] + weights[-1][1]

    def loss(weights: Any, x: Any, y: Any) -> Any:
        z = logits(weights, x)
        if job.is_binary:
            z = z[:, 0]
            return (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()
        return -jnp.take_along_axis(peer.nn.log_softmax(z), y[:, None], axis=1).mean()

    def step(state: Any, rows: Any, labels: Any, index: Any) -> Any:
        weights, m, v, t = state
        g, t = peer.grad(loss)(weights, rows[index], labels[index]), t + 1
        m = peer.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = peer.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        new = peer.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), weights, m, v)
        return new, m, v, t

    update = peer.jit(step, donate_argnums=0)
    generator = np.random.default_rng(0)
    sizes = zip(job.units, job.units[1:], strict=False)
    weights = [
        (
            jnp.array(generator.standard_normal((i, o), dtype=np.float32) / np.sqrt(np.float32(i))),
            jnp.zeros(o, jnp.float32),
        )
        for i, o in sizes
    ]
    zeros = peer.tree.map(jnp.zeros_like, weights)
    state = weights, zeros, peer.tree.map(jnp.zeros_like, weights), jnp.float32(0)
    rows = jnp.array(x)
    labels = jnp.array(y.astype(np.float32 if job.is_binary else np.int32))

    def epoch() -> None:
        nonlocal state
        for index in job.batches():
            state = update(state, rows, labels, index.astype(np.int32))
        peer.block_until_ready(state)

    return repeated(epoch)


def pytorch(job: Job, x: Array, y: Array) -> Run:
    """Eager PyTorch.

    Args:
        job: The job.
        x: The rows.
        y: The class numbers.
    """
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for inputs, outputs in zip(job.units, job.units[1:], strict=False):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters())
    rows, labels = torch.from_numpy(x), torch.from_numpy(y)
    loss: Any = torch.nn.CrossEntropyLoss()
    if job.is_binary:
        loss, labels = torch.nn.BCEWithLogitsLoss(), labels[:, None].float()

    def epoch() -> None:
        for index in job.batches():
            batch = torch.from_numpy(index)
            optimizer.zero_grad()
            loss(network(rows[batch]), labels[batch]).backward()
            optimizer.step()

    return repeated(epoch)


def scikit_learn(job: Job, x: Array, y: Array) -> Run:
    """MLPClassifier, one epoch per call.

    Args:
        job: The job.
        x: The rows.
        y: The class numbers.
    """
    from sklearn.neural_network import MLPClassifier

    peer = MLPClassifier(job.units[1:-1], solver="adam", batch_size=job.batch, alpha=0)
    peer.partial_fit(x[: job.batch], y[: job.batch], classes=np.arange(max(2, job.units[-1])))
    return repeated(lambda: peer.partial_fit(x, y))


def keras(job: Job, x: Array, y: Array) -> Run:
    """Model.fit on the PyTorch backend.

    Args:
        job: The job.
        x: The rows.
        y: The class numbers.
    """
    import keras as peer

    peer.backend.set_floatx("float32")
    hidden = [peer.layers.Dense(units, "relu") for units in job.units[1:-1]]
    network = peer.Sequential(
        [peer.layers.Input((job.units[0],)), *hidden, peer.layers.Dense(job.units[-1])]
    )
    loss: Any = peer.losses.SparseCategoricalCrossentropy(from_logits=True)
    if job.is_binary:
        loss = peer.losses.BinaryCrossentropy(from_logits=True)
    network.compile("adam", loss)
    return repeated(lambda: network.fit(x, y, batch_size=job.batch, epochs=1, verbose=0))


OURS = (bare_products, engine)
PEERS = (jax, pytorch, scikit_learn, keras)
