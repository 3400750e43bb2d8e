"""Rows that lie in a file, for trainings on more of them than memory holds.

The file is records of float64, one a row: its raw features, its targets and its weight. It is read,
not mapped: a mapped page counts as memory of the process that has touched it.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from model.arrays import Array
from model.errors import DataError, NetworkError
from model.training.batches.rows import Rows

PIECE_BYTES = 2**20  # of what is read at once


class StoredRows:
    """N rows in a file. It holds none of them: each is read, and encoded, when it is asked for.

    features, targets: F and T, so that a record is F + T + 1 numbers. encode: from raw rows (B, F),
    NaN where missing, to the network's inputs (B, I). weighted: whether the weights count.

    Every method that reads raises DataError where the file cannot be read, or has become shorter.
    """

    def __init__(
        self,
        path: Path,
        features: int,
        targets: int,
        encode: Callable[[Array], Array],
        *,
        weighted: bool,
    ) -> None:
        self.weighted = weighted
        self._path, self._features, self._encode = path, features, encode
        self._width = features + targets + 1
        record = self._width * np.dtype(np.float64).itemsize
        self._piece = max(1, PIECE_BYTES // record)  # rows
        try:
            size = path.stat().st_size
        except OSError as error:
            raise self._unreadable(error) from None
        self._count, rest = divmod(size, record)
        if rest or not size:
            found = f"{size} bytes are no whole rows of {record}" if size else "it has no rows"
            raise DataError(f"{path}: not a file of rows, or one cut short: {found}")

    def __len__(self) -> int:
        return self._count

    def read(self, start: int, stop: int) -> Rows:
        """Rows [start, stop), encoded: inputs (B, I), targets (B, T), weights (B,) or none."""
        return self._rows(self._records(start, stop))

    def sample(self, most: int, seed: int) -> Rows:
        """So many rows, all different, in the file's order; all rows where there are no more.

        Any set of them is as likely as another; rows of weight 0 are in none.
        """
        if len(self) <= most:
            return self.read(0, len(self))
        ends = np.cumsum(self._tally[1])
        size = min(most, int(ends[-1]))
        drawn = np.sort(np.random.default_rng(seed).choice(ends[-1], size, replace=False))
        cuts = np.searchsorted(drawn, ends)
        picked, taken, before = np.empty((size, self._width)), 0, 0
        for number, (cut, end) in enumerate(zip(cuts.tolist(), ends.tolist(), strict=True)):
            if cut > taken:
                records = self._records(number * self._piece, (number + 1) * self._piece)
                if self.weighted:
                    records = records[records[:, -1] > 0]
                picked[taken:cut] = records[drawn[taken:cut] - before]
            taken, before = cut, end
        return self._rows(picked)

    def mean_weight(self) -> float:
        """The mean of all weights. Raises NetworkError for weights that are negative or all 0."""
        return self._tally[0] / len(self)

    def digest(self) -> str:
        """A SHA-256 of the file, and of the inputs it is encoded as."""
        total = hashlib.sha256(f"{self._features} {self._width} {self.weighted}".encode())
        for records in self._pieces():
            total.update(records.data)
            total.update(np.ascontiguousarray(self._encode(records[:, : self._features])).data)
        return total.hexdigest()

    @cached_property
    def _tally(self) -> tuple[float, Array]:
        """The sum of all weights, and how many rows of each piece have one that is not 0."""
        if not self.weighted:
            starts = np.arange(0, len(self), self._piece)
            return float(len(self)), np.minimum(self._piece, len(self) - starts)
        total, counts = 0.0, []
        for records in self._pieces():
            weights = records[:, -1]
            if not (np.isfinite(weights) & (weights >= 0)).all():
                raise NetworkError("weights must be finite, at least 0, and not all 0")
            total += float(weights.sum())
            counts.append(np.count_nonzero(weights))
        if not total:
            raise NetworkError("weights must be finite, at least 0, and not all 0")
        return total, np.array(counts)

    def _pieces(self) -> Iterator[Array]:
        """All records, in their order."""
        for start in range(0, len(self), self._piece):
            yield self._records(start, start + self._piece)

    def _records(self, start: int, stop: int) -> Array:
        """Records [start, stop), or to the end: (B, F + T + 1)."""
        rows, width = min(stop, len(self)) - start, self._width
        try:
            numbers = np.fromfile(self._path, count=rows * width, offset=start * width * 8)
        except OSError as error:
            raise self._unreadable(error) from None
        if len(numbers) < rows * width:
            raise DataError(f"{self._path}: cut short since it was opened, at row {start} or after")
        return numbers.reshape(rows, width)

    def _rows(self, records: Array) -> Rows:
        features = self._features
        weights = records[:, -1] if self.weighted else None
        return Rows(self._encode(records[:, :features]), records[:, features:-1], weights)

    def _unreadable(self, error: OSError) -> DataError:
        return DataError(f"{self._path}: cannot be read: {error.strerror or error}")
