"""Rows in another order in each epoch: in memory, or window by window from a file."""

import math

import numpy as np

from model.arrays import Array
from model.network.network import Network
from model.training.batches.rows import EncodedRows
from model.training.batches.stored_rows import StoredRows

# Random streams of a training's seed; the initial weights use the seed itself.
SHUFFLE, NOISE = 1, 2
WINDOW_BYTES = 2**26  # 64 MiB of prepared rows
BLOCK_ROWS = 4096  # rows read at once; large enough that a disk seeks rarely
MIN_BLOCKS = 16  # blocks of a window; with fewer, wide rows would hardly be mixed


class ShuffledRows:
    """All rows of a training, in memory.

    Args:
        rows: The rows.
        theta: Parameters, shape (P,), or (K, P) for K members.
        seed: The training's seed.

    Attributes:
        table: Rows and encoded targets, as `Network.prepare` returns them.
        weights: Scaled to mean 1, shape (N,) or (K, N); None without weights.
    """

    def __init__(self, rows: EncodedRows, theta: Array, seed: int) -> None:
        self.table, self.weights = rows.table, None
        if rows.weights is not None:
            given = rows.weights.astype(theta.dtype)
            self.weights = np.empty((*theta.shape[:-1], len(rows)), theta.dtype)
            np.divide(given, given.mean(axis=-1, keepdims=True), self.weights)
        self._seed = seed

    def order(self, epoch: int) -> Array:
        """Return the row indices (N,) in the order of an epoch."""
        return np.random.default_rng([self._seed, SHUFFLE, epoch]).permutation(len(self.table))

    def index(self, order: Array, first: int, last: int) -> Array:
        """Return the indices of an epoch's rows [first, last).

        Args:
            order: The epoch's order.
            first: Number of the first row in the epoch.
            last: Number after the last row; the epoch may end before.

        Returns:
            Indices into `table`, shape (B,).
        """
        return order[first:last]


class WindowedRows:
    """Prepared rows of the current window; the counterpart of `ShuffledRows` for stored rows.

    The file is divided into blocks of one or several batches. Each epoch takes the blocks in
    another order, except that a shorter last block stays last, so that only an epoch's last batch
    is smaller. As many blocks as fit in WINDOW_BYTES, at least 16, form a window, whose rows are
    shuffled.

    Reading a window raises DataError if the file cannot be read.

    Args:
        network: The network.
        theta: Parameters, shape (P,), or (K, P) for K members.
        rows: The rows.
        batch_size: Rows of a batch.
        seed: The training's seed.

    Attributes:
        table: Rows and encoded targets of the window, as `Network.prepare` returns them.
        weights: Weights of the window divided by the mean of all weights, shape (rows,) or
            (K, rows); None without weights.

    Raises:
        NetworkError: If all weights are 0.
    """

    def __init__(
        self, network: Network, theta: Array, rows: StoredRows, batch_size: int, seed: int
    ) -> None:
        self._network, self._rows, self._seed = network, rows, seed
        lead, dtype = theta.shape[:-1], theta.dtype
        numbers = network.inputs + 1 + network.outputs + rows.weighted * math.prod(lead)
        row_bytes = numbers * dtype.itemsize + np.dtype(np.int64).itemsize
        block_rows = min(BLOCK_ROWS, WINDOW_BYTES // (MIN_BLOCKS * row_bytes))
        self._block_rows = batch_size * max(1, -(-block_rows // batch_size))
        self._blocks = max(MIN_BLOCKS, WINDOW_BYTES // (self._block_rows * row_bytes))
        self._window_rows = self._blocks * self._block_rows
        size = min(self._window_rows, len(rows))
        self.table = np.ones((size, network.inputs + 1 + network.outputs), dtype)
        self.weights = np.empty((*lead, size), dtype) if rows.weighted else None
        self._mean_weight = rows.mean_weight() if rows.weighted else 1.0
        self._shuffled = np.arange(0)
        self._current = -1, -1  # epoch and number of the window in memory

    def order(self, epoch: int) -> Array:
        """Return the epoch, followed by the numbers of the file's blocks in the epoch's order."""
        whole, rest = divmod(len(self._rows), self._block_rows)
        blocks = np.random.default_rng([self._seed, SHUFFLE, epoch]).permutation(whole)
        return np.concatenate([[epoch], blocks, [whole] * (rest > 0)]).astype(np.int64)

    def index(self, order: Array, first: int, last: int) -> Array:
        """Return the indices of an epoch's rows [first, last), one batch, in their window.

        Reads the window unless it is in memory.

        Args:
            order: The epoch's order.
            first: Number of the first row in the epoch.
            last: Number after the last row; the epoch may end before.

        Returns:
            Indices into `table`, shape (B,).
        """
        number, offset = divmod(first, self._window_rows)
        if self._current != (order[0], number):
            self._read(order, number)
        return self._shuffled[offset : offset + last - first]

    def _read(self, order: Array, number: int) -> None:
        network, filled = self._network, 0
        inputs, targets = network.split(self.table)
        self._current = -1, -1  # until the window is complete
        first = 1 + number * self._blocks
        for start in (order[first : first + self._blocks] * self._block_rows).tolist():
            part = slice(filled, filled + min(self._block_rows, len(self._rows) - start))
            rows = self._rows.read(start, start + self._block_rows)
            inputs[part] = rows.inputs
            targets[part] = network.loss.encode(rows.targets, network.outputs, network.dtype)
            if self.weights is not None:
                self.weights[..., part] = np.asarray(rows.weights) / self._mean_weight
            filled = part.stop
        # Counted from 1: NumPy ignores a trailing 0 in a seed, and the seed without it belongs to
        # the order of the blocks.
        key = [self._seed, SHUFFLE, int(order[0]), number + 1]
        self._shuffled = np.random.default_rng(key).permutation(filled)
        self._current = int(order[0]), number
