"""Training rows in a file, for tables that are larger than memory.

The file holds one record of float64 per row: raw features, targets and weight. It is read and not
memory-mapped: a mapped page counts as memory of the process that has touched it.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from model.arrays import Array
from model.errors import DataError, NetworkError
from model.training.batches.rows import Rows

CHUNK_BYTES = 2**20  # read at once


class StoredRows:
    """Rows in a file. None are kept in memory: each is read and encoded when it is needed.

    Every method that reads raises DataError if the file cannot be read or has become shorter.

    Args:
        path: The file.
        features: F, the number of raw features of a row.
        targets: T, the number of targets of a row; a record has F + T + 1 numbers.
        encode: Maps raw rows (B, F), NaN for a missing value, to the network's inputs (B, I).
        scale: Maps targets (B, T) and weights (B,) to those of the training.
        weighted: Use the weights in the file, finite and at least 0.

    Raises:
        DataError: If the file cannot be read, is empty, or has an incomplete record.
    """

    def __init__(
        self,
        path: Path,
        features: int,
        targets: int,
        encode: Callable[[Array], Array],
        scale: Callable[[Array, Array], tuple[Array, Array | None]],
        *,
        weighted: bool,
    ) -> None:
        self.weighted = weighted
        self._path, self._features, self._encode, self._scale = path, features, encode, scale
        self._width = features + targets + 1
        record_bytes = self._width * np.dtype(np.float64).itemsize
        self._chunk_rows = max(1, CHUNK_BYTES // record_bytes)
        try:
            size = path.stat().st_size
        except OSError as error:
            raise self._unreadable(error) from None
        self._count, rest = divmod(size, record_bytes)
        if rest or not size:
            problem = (
                f"{size} bytes are not whole rows of {record_bytes} bytes"
                if size
                else "it has no rows"
            )
            raise DataError(f"{path}: not a file of rows, or a truncated one: {problem}")

    def __len__(self) -> int:
        return self._count

    def for_members(self, members: slice) -> Self:  # noqa: ARG002
        """Return these rows: their weights are those of all members of an ensemble."""
        return self

    def read(self, start: int, stop: int) -> Rows:
        """Read and encode rows [start, stop).

        Args:
            start: Number of the first row.
            stop: Number after the last row.

        Returns:
            Inputs (B, I), targets (B, T), and weights (B,) or None.
        """
        return self._rows(self._records(start, stop))

    def sample(self, max_rows: int, seed: int) -> Rows:
        """Read a uniform random sample of distinct rows, in the file's order.

        Rows of weight 0 are not drawn. If the file has at most `max_rows` rows, all are returned.

        Args:
            max_rows: Size of the sample.
            seed: Seed of the draw.
        """
        if len(self) <= max_rows:
            return self.read(0, len(self))
        ends = np.cumsum(self._weight_statistics[1])
        size = min(max_rows, int(ends[-1]))
        drawn = np.sort(np.random.default_rng(seed).choice(ends[-1], size, replace=False))
        cuts = np.searchsorted(drawn, ends)
        sampled, taken, before = np.empty((size, self._width)), 0, 0
        for number, (cut, end) in enumerate(zip(cuts.tolist(), ends.tolist(), strict=True)):
            if cut > taken:
                records = self._records(number * self._chunk_rows, (number + 1) * self._chunk_rows)
                if self.weighted:
                    records = records[records[:, -1] > 0]
                sampled[taken:cut] = records[drawn[taken:cut] - before]
            taken, before = cut, end
        return self._rows(sampled)

    def mean_weight(self) -> float:
        """Return the mean of all weights.

        Raises:
            NetworkError: If all are 0.
        """
        return self._weight_statistics[0] / len(self)

    def digest(self) -> str:
        """Return a SHA-256 of the file's rows, scaled, and of their encoded inputs."""
        total = hashlib.sha256(f"{self._features} {self._width} {self.weighted}".encode())
        for records in self._chunks():
            total.update(records.data)
            total.update(np.ascontiguousarray(self._encode(records[:, : self._features])).data)
        return total.hexdigest()

    @cached_property
    def _weight_statistics(self) -> tuple[float, Array]:
        """The sum of all weights, and the number of rows of each chunk whose weight is not 0."""
        if not self.weighted:
            starts = np.arange(0, len(self), self._chunk_rows)
            return float(len(self)), np.minimum(self._chunk_rows, len(self) - starts)
        total, counts = 0.0, []
        for records in self._chunks():
            weights = records[:, -1]
            total += float(weights.sum())
            counts.append(np.count_nonzero(weights))
        if not total:
            raise NetworkError("weights must not be all 0")
        return total, np.array(counts)

    def _chunks(self) -> Iterator[Array]:
        """Yield all records in chunks."""
        for start in range(0, len(self), self._chunk_rows):
            yield self._records(start, start + self._chunk_rows)

    def _records(self, start: int, stop: int) -> Array:
        """Read and scale records [start, stop), at most to the end: shape (B, F + T + 1)."""
        rows, width, features = min(stop, len(self)) - start, self._width, self._features
        try:
            numbers = np.fromfile(self._path, count=rows * width, offset=start * width * 8)
        except OSError as error:
            raise self._unreadable(error) from None
        if len(numbers) < rows * width:
            raise DataError(f"{self._path}: truncated since it was opened, at row {start} or later")
        records = numbers.reshape(rows, width)
        scaled = self._scale(records[:, features:-1], records[:, -1])
        records[:, features:-1], records[:, -1] = scaled
        return records

    def _rows(self, records: Array) -> Rows:
        features = self._features
        weights = records[:, -1] if self.weighted else None
        return Rows(self._encode(records[:, :features]), records[:, features:-1], weights)

    def _unreadable(self, error: OSError) -> DataError:
        return DataError(f"{self._path}: cannot be read: {error.strerror or error}")
