"""Mini-batches: the training step over each batch of an epoch, and the batch size "auto"."""

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.execution.plan import Plan
from model.network.graph import Call
from model.network.network import Network
from model.training.batches.rows import EncodedRows
from model.training.batches.shuffling import NOISE, ShuffledRows, WindowedRows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training

MAX_AUTO_SIZE = 512


class Batches:
    """A network's training step over each batch of an epoch.

    The order of the rows is a function of the seed and the epoch, so a resumed training only needs
    its position in the epoch. The last batch of an epoch may be smaller. Without augmentation, a
    full batch is loaded once.

    Args:
        network: The network.
        theta: Parameters, shape (P,), or (K, P) for K members; read at every step.
        rows: The training rows.
        training: The description of the training.
        first_member: Number of θ's first member in the ensemble.

    Attributes:
        size: Rows of a batch.
        count: Batches of an epoch.
        gradient: Gradient of the last step, shape of θ.
        generators: Generators of noise: of augmentation and of a single network's dropout, followed
            by those of the members' dropout.

    Raises:
        NetworkError: If stored rows are to be one full batch, or all their weights are 0.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        rows: EncodedRows | StoredRows,
        training: Training,
        first_member: int = 0,
    ) -> None:
        count = len(rows)
        self.size = _batch_size(network, theta, count, training)
        self._rows: ShuffledRows | WindowedRows
        if isinstance(rows, EncodedRows):
            self._rows = ShuffledRows(rows, theta, training.seed)
            self._is_loaded = self.size == count and not training.augmentation
        else:
            if training.batch_size == "full":
                rule = 'must be a number or "auto" for rows that stay in a file'
                raise NetworkError(f"training.batch_size {rule}, got 'full'")
            self._rows = WindowedRows(network, theta, rows, self.size, training.seed)
            self._is_loaded = False
        # Counted from 1, as NumPy ignores a trailing 0 in a seed.
        numbers = range(first_member + 1, first_member + 1 + len(theta)) if theta.ndim > 1 else ()
        streams = [], *([number] for number in numbers)
        self.generators = [np.random.default_rng([training.seed, NOISE, *each]) for each in streams]
        self.count = -(-count // self.size)
        self._batch = self._compile(network, theta, self.size, training)
        self.gradient = self._batch[0].gradient
        self._last_batch, rest = self._batch, count % self.size
        if rest:
            self._last_batch = self._compile(network, theta, rest, training, self.gradient)
        if self._is_loaded:
            weights = self._rows.weights
            shares = None if weights is None else weights / weights.dtype.type(self.size)
            self._batch[0].load(*network.split(self._rows.table), shares)

    def order(self, epoch: int) -> Array:
        """Return the order of an epoch's rows, for `step`.

        For rows in memory, their indices (N,); for stored rows, see `WindowedRows.order`; empty if
        all rows are one loaded batch.
        """
        return np.arange(0) if self._is_loaded else self._rows.order(epoch)

    def step(self, order: Array, number: int) -> None:
        """Compute the gradient of one batch.

        Args:
            order: The epoch's order.
            number: Number of the batch in the epoch, counted from 0.
        """
        plan, augment = self._batch if number < self.count - 1 else self._last_batch
        if not self._is_loaded:
            rows = self._rows
            index = rows.index(order, number * self.size, (number + 1) * self.size)
            plan.gather(rows.table, index, rows.weights)
            for call in augment:
                call()
        plan.step()

    def _compile(
        self,
        network: Network,
        theta: Array,
        size: int,
        training: Training,
        gradient: Array | None = None,
    ) -> tuple[Plan, list[Call]]:
        """Compile the step of a batch of this size, and the calls that augment its rows before."""
        plan = network.compile(
            theta,
            size,
            weighted=self._rows.weights is not None,
            gathers=not self._is_loaded,
            generator=self.generators[1:] or self.generators[0],
            gradient=gradient,
        )
        calls = [
            call
            for augmentation in training.augmentation
            for call in augmentation.bind(
                plan.inputs, plan.targets, network.channels, self.generators[0]
            )
        ]
        return plan, calls


def _batch_size(network: Network, theta: Array, rows: int, training: Training) -> int:
    if isinstance(training.batch_size, int):
        return min(training.batch_size, rows)
    if training.batch_size == "full":
        return rows
    return min(largest_batch(network, theta, training.memory_budget), rows)


def largest_batch(network: Network, theta: Array, budget: int) -> int:
    """Return the largest power of two, up to 512, whose step fits in a memory budget.

    Args:
        network: The network.
        theta: Parameters, shape (P,) or (K, P).
        budget: Bytes that the buffers of a step may take.

    Raises:
        NetworkError: If a step of one row does not fit.
    """

    def step_bytes(size: int) -> int:
        noise = np.random.default_rng(0)
        return network.compile(theta, size, gathers=True, generator=noise).nbytes

    if (one := step_bytes(1)) > budget:
        raise NetworkError(f"training.memory_budget must hold one row's {one} bytes, got {budget}")
    size = 1
    while size < MAX_AUTO_SIZE and step_bytes(2 * size) <= budget:
        size *= 2
    return size
