"""Stored rows on their way into batches: one window of them in memory at a time."""

import math

import numpy as np

from model.arrays import Array, as_matrix
from model.network.network import Network
from model.training.batches.rows import SHUFFLE
from model.training.batches.stored_rows import StoredRows

WINDOW_BYTES = 2**26  # of prepared rows
BLOCK_ROWS = 4096  # read at once, so many that a disk need not seek much
BLOCKS = 16  # of a window, at the least: fewer would mix too little where rows are wide


class Windows:
    """Stored rows prepared for a training: what HeldRows are, but of the window at hand only.

    The file is cut into blocks, of one batch or several. An epoch takes them in an order of its
    own, but a last, shorter one last, so that only an epoch's last batch is shorter. As many as fit
    WINDOW_BYTES, 16 at the least, make a window, whose rows are shuffled.

    Raises NetworkError for weights that are negative or all 0; where a window is read, for rows
    that do not fit, and DataError where the file cannot be read.
    """

    def __init__(
        self, network: Network, theta: Array, rows: StoredRows, batch_size: int, seed: int
    ) -> None:
        self._network, self._rows, self._seed = network, rows, seed
        lead, dtype = theta.shape[:-1], theta.dtype
        numbers = network.inputs + 1 + network.outputs + rows.weighted * math.prod(lead)
        row_bytes = numbers * dtype.itemsize + np.dtype(np.int64).itemsize
        block = min(BLOCK_ROWS, WINDOW_BYTES // (BLOCKS * row_bytes))
        self._block = batch_size * max(1, -(-block // batch_size))
        self._blocks = max(BLOCKS, WINDOW_BYTES // (self._block * row_bytes))  # of a window
        self._window = self._blocks * self._block  # rows
        held = min(self._window, len(rows))
        self.inputs = np.ones((held, network.inputs + 1), dtype)
        self.targets = np.empty((held, network.outputs), dtype)
        self.weights = np.empty((*lead, held), dtype) if rows.weighted else None
        self._mean_weight = rows.mean_weight() if rows.weighted else 1.0
        self._shuffled = np.arange(0)
        self._at = -1, -1  # epoch and number of the window at hand

    def order(self, epoch: int) -> Array:
        """The epoch itself, then the numbers of the file's blocks in the order of this epoch."""
        whole, rest = divmod(len(self._rows), self._block)
        blocks = np.random.default_rng([self._seed, SHUFFLE, epoch]).permutation(whole)
        return np.concatenate([[epoch], blocks, [whole] * (rest > 0)]).astype(np.int64)

    def index(self, order: Array, first: int, last: int) -> Array:
        """Where in the window the epoch's rows [first, last), a batch, are: (B,).

        Reads their window, unless it is the one at hand.
        """
        number, place = divmod(first, self._window)
        if self._at != (order[0], number):
            self._read(order, number)
        return self._shuffled[place : place + last - first]

    def digest(self) -> str:
        """A SHA-256 of the rows."""
        return self._rows.digest()

    def _read(self, order: Array, number: int) -> None:
        network, filled = self._network, 0
        self._at = -1, -1  # until all of it is there
        first = 1 + number * self._blocks
        for start in (order[first : first + self._blocks] * self._block).tolist():
            part = slice(filled, filled + min(self._block, len(self._rows) - start))
            rows, name = self._rows.read(start, start + self._block), f"rows from {start} on"
            self.inputs[part, :-1] = as_matrix(name, rows.inputs, network.inputs, network.dtype)
            self.targets[part] = network.loss.encode(rows.targets, network.outputs, network.dtype)
            if self.weights is not None:
                self.weights[..., part] = np.asarray(rows.weights) / self._mean_weight
            filled = part.stop
        # From 1: a seed that ends in 0 is the same as without, and that is the blocks' order's.
        key = [self._seed, SHUFFLE, int(order[0]), number + 1]
        self._shuffled = np.random.default_rng(key).permutation(filled)
        self._at = int(order[0]), number
