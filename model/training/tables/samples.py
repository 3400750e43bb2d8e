"""Random samples of tables that arrive in chunks."""

import numpy as np

from model.arrays import Array
from model.training.tables.table import Table, concatenate


class Sample:
    """A uniform random sample of rows that arrive in chunks: all subsets are equally likely.

    Args:
        max_rows: Size of the sample; all rows if there are fewer.
        generator: Source of randomness.
    """

    def __init__(self, max_rows: int, generator: np.random.Generator) -> None:
        self._max_rows, self._generator = max_rows, generator
        self._chunks: list[Table] = []
        self._keys: list[Array] = []

    def add(self, chunk: Table) -> None:
        """Add rows to those that the sample is drawn from."""
        self._chunks.append(chunk)
        self._keys.append(self._generator.random(len(chunk.rows)))
        if sum(map(len, self._keys)) > 2 * self._max_rows:
            self._reduce()

    def table(self) -> Table:
        """Return the sampled rows in the order in which they arrived."""
        self._reduce()
        return self._chunks[0]

    def _reduce(self) -> None:
        """Keep the rows with the smallest keys."""
        candidates, keys = concatenate(self._chunks), np.concatenate(self._keys)
        kept = np.arange(len(keys))
        if len(keys) > self._max_rows:
            kept = np.sort(np.argpartition(keys, self._max_rows)[: self._max_rows])
        self._chunks, self._keys = [candidates.take(kept)], [keys[kept]]
