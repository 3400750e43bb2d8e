"""The rows of a training, batch by batch: in an order of each epoch's own, or all at once."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.errors import NetworkError
from model.network.graph import Call
from model.network.network import Network
from model.network.plan import Plan
from model.network.row_weights import check_length
from model.training.checkpoint import digest
from model.training.training import Training

LARGEST_AUTO = 512
SPAN = 64  # rows between two measurements, so many that Python's own objects hardly count
SHUFFLE, NOISE = 1, 2  # streams of a training's seed; its initial weights have the seed itself


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with their targets: inputs (N, features), targets as the loss takes them.

    weights: (N,), or (K, N) for members; by default all alike.
    """

    inputs: npt.ArrayLike
    targets: npt.ArrayLike
    weights: npt.ArrayLike | None = None


class Batches:
    """A network's training step over each batch of an epoch, on this θ.

    The order is a function of the seed and the epoch, so that a resumed training needs no more than
    its place in it. The last batch of an epoch may be smaller. gradient: of the batch stepped last.
    noise: the generator of dropout and augmentation.
    """

    def __init__(self, network: Network, theta: Array, rows: Rows, training: Training) -> None:
        self._inputs = network.prepare(rows.inputs)
        self._targets = network.loss.encode(rows.targets, network.outputs, network.dtype)
        check_length(len(self._targets), len(self._inputs))
        self._weights = _mean_one(rows.weights, theta, len(self._inputs))
        self.noise = np.random.default_rng([training.seed, NOISE])
        self._seed = training.seed
        self.size = _size(network, theta, len(self._inputs), training)
        self._whole = self.size == len(self._inputs) and not training.augmentation
        self.count = -(-len(self._inputs) // self.size)  # batches in an epoch
        self._batch = self._bind(network, theta, self.size, training)
        self.gradient = self._batch[0].gradient
        self._last, rest = self._batch, len(self._inputs) % self.size
        if rest:
            self._last = self._bind(network, theta, rest, training, self.gradient)
        if self._whole:
            weights = self._weights
            shares = None if weights is None else weights / weights.dtype.type(self.size)
            self._batch[0].load(self._inputs[:, :-1], self._targets, shares)

    def order(self, epoch: int) -> Array:
        """The rows' indices (N,) in the order of this epoch; none where all are one batch."""
        if self._whole:
            return np.arange(0)
        return np.random.default_rng([self._seed, SHUFFLE, epoch]).permutation(len(self._inputs))

    def step(self, order: Array, number: int) -> None:
        """Leave the gradient of the epoch's batch `number`, from 0."""
        index = order[number * self.size : (number + 1) * self.size]
        plan, augment = self._batch if number < self.count - 1 else self._last
        if not self._whole:
            plan.gather(self._inputs, self._targets, index, self._weights)
            for call in augment:
                call()
        plan.step()

    def digest(self) -> str:
        """A SHA-256 of the rows."""
        return digest(self._inputs, self._targets, self._weights)

    def _bind(
        self,
        network: Network,
        theta: Array,
        size: int,
        training: Training,
        gradient: Array | None = None,
    ) -> tuple[Plan, list[Call]]:
        """The step of a batch of this size, and the calls that augment its rows before."""
        plan = network.compile(
            theta,
            size,
            weighted=self._weights is not None,
            gathers=not self._whole,
            generator=self.noise,
            gradient=gradient,
        )
        calls = [
            call
            for each in training.augmentation
            for call in each.bind(plan.inputs, plan.targets, network.channels, self.noise)
        ]
        return plan, calls


def _mean_one(weights: npt.ArrayLike | None, theta: Array, rows: int) -> Array | None:
    """Weights (…, N) as factors of mean 1, each member's own where θ has members."""
    if weights is None:
        return None
    try:
        given = np.asarray(weights, theta.dtype)
    except (TypeError, ValueError):
        raise NetworkError("weights must be numbers") from None
    shape = (*theta.shape[:-1], rows)
    if given.shape not in ((rows,), shape):
        raise NetworkError(f"weights must have shape {(rows,)}, got {given.shape}")
    if not (np.isfinite(given) & (given >= 0)).all() or not given.any(axis=-1).all():
        raise NetworkError("weights must be finite, at least 0, and not all 0")
    scaled = given / given.mean(axis=-1, keepdims=True)
    return np.array(np.broadcast_to(scaled, shape), theta.dtype, order="C")


def _size(network: Network, theta: Array, rows: int, training: Training) -> int:
    if isinstance(training.batch_size, int):
        return min(training.batch_size, rows)
    if training.batch_size == "full":
        return rows
    return min(largest_batch(network, theta, training.memory_budget), rows)


def largest_batch(network: Network, theta: Array, budget: int) -> int:
    """The largest power of two, from 512 down, of which a step's buffers fit `budget` bytes.

    What one row and some more take tells what any number does. Raises NetworkError where not even
    one row fits.
    """
    # The first measurement is of what NumPy keeps from a first call, too.
    _, one, many = (_bytes(network, theta, size) for size in (1, 1, 1 + SPAN))
    size = LARGEST_AUTO
    while size and one + (size - 1) * (many - one) / SPAN > budget:
        size //= 2
    if not size:
        raise NetworkError(f"training.memory_budget must hold one row's {one} bytes, got {budget}")
    return size


def _bytes(network: Network, theta: Array, size: int) -> int:
    """What a plan for so many rows takes."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    noise = np.random.default_rng(0)
    before = tracemalloc.get_traced_memory()[0]
    plan = network.compile(theta, size, gathers=True, generator=noise)
    taken = tracemalloc.get_traced_memory()[0] - before
    del plan
    if not tracing:
        tracemalloc.stop()
    return taken
