"""The rows of a training, batch by batch: in an order of each epoch's own, or all at once."""

import tracemalloc

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.execution.plan import Plan
from model.network.graph import Call
from model.network.network import Network
from model.training.batches.rows import NOISE, HeldRows, Rows
from model.training.batches.stored_rows import StoredRows
from model.training.batches.windows import Windows
from model.training.config import Training

LARGEST_AUTO = 512
SPAN = 64  # rows between two measurements, so many that Python's own objects hardly count


class Batches:
    """A network's training step over each batch of an epoch, on this θ.

    The order is a function of the seed and the epoch, so that a resumed training needs no more than
    its place in it. The last batch of an epoch may be smaller. gradient: of the batch stepped last.
    noise: the generator of dropout and augmentation.
    """

    def __init__(
        self, network: Network, theta: Array, rows: Rows | StoredRows, training: Training
    ) -> None:
        self._rows: HeldRows | Windows
        if isinstance(rows, StoredRows):
            if training.batch_size == "full":
                rule = 'must be a number or "auto" for rows that stay in a file'
                raise NetworkError(f"training.batch_size {rule}, got 'full'")
            count = len(rows)
            self.size = _size(network, theta, count, training)
            self._rows = Windows(network, theta, rows, self.size, training.seed)
            self._whole = False
        else:
            self._rows = HeldRows(network, theta, rows, training.seed)
            count = len(self._rows.inputs)
            self.size = _size(network, theta, count, training)
            self._whole = self.size == count and not training.augmentation
        self.noise = np.random.default_rng([training.seed, NOISE])
        self.count = -(-count // self.size)  # batches in an epoch
        self._batch = self._bind(network, theta, self.size, training)
        self.gradient = self._batch[0].gradient
        self._last, rest = self._batch, count % self.size
        if rest:
            self._last = self._bind(network, theta, rest, training, self.gradient)
        if self._whole:
            held = self._rows
            weights = held.weights
            shares = None if weights is None else weights / weights.dtype.type(self.size)
            self._batch[0].load(held.inputs[:, :-1], held.targets, shares)

    def order(self, epoch: int) -> Array:
        """The order of this epoch, for `step`; nothing where all rows are one batch.

        Of rows in memory their indices (N,); of stored rows see `Windows.order`.
        """
        return np.arange(0) if self._whole else self._rows.order(epoch)

    def step(self, order: Array, number: int) -> None:
        """Leave the gradient of the epoch's batch `number`, from 0."""
        plan, augment = self._batch if number < self.count - 1 else self._last
        if not self._whole:
            rows = self._rows
            index = rows.index(order, number * self.size, (number + 1) * self.size)
            plan.gather(rows.inputs, rows.targets, index, rows.weights)
            for call in augment:
                call()
        plan.step()

    def digest(self) -> str:
        """A SHA-256 of the rows."""
        return self._rows.digest()

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
            weighted=self._rows.weights is not None,
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
