"""Read a recipe's table and split it into rows that train and rows that validate.

A table that is too large for memory is read in one pass with constant memory: its training rows are
written to a temporary file, and samples represent both parts. Random splits are then drawn row by
row, so a fraction of the rows, of a class or of whole groups is met on average, not to the row as
in `by_fraction`.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.training.recipes.recipe import Recipe
from model.training.recipes.sections import Split
from model.training.tables.table import (
    Table,
    concatenate,
    read_table_chunks,
    require_two_classes,
    split_table,
)
from model.training.tables.targets import TargetStatistics

MAX_MEMORY_BYTES = 2**26  # 64 MiB of features; a larger table goes to a file
MAX_SAMPLE_ROWS, MAX_SAMPLE_BYTES = 100_000, 2**26  # of each part
MIN_SAMPLE_ROWS = 1000
REWRITE_ROWS = 2**14  # rows of the file that are rewritten at a time


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


class ChunkSplitter:
    """`split_table` for a table that arrives in chunks.

    Args:
        split: The recipe's table `[split]`.
    """

    def __init__(self, split: Split) -> None:
        self._split, self._generator = split, np.random.default_rng(split.seed)
        self._rows, self._has_validation = 0, False

    def masks(self, chunk: Table) -> tuple[Array, Array]:
        """Return masks (B,) of the next chunk's rows that train and that validate."""
        split, count = self._split, len(chunk.rows)
        train: Array | None = None
        if split.train is not None and isinstance(split.validation, tuple):
            numbers = np.arange(self._rows, self._rows + count)
            train, validates = (
                (numbers >= first) & (numbers < end)
                for first, end in (split.train, split.validation)
            )
        elif chunk.split_values is not None:
            validates = chunk.split_values == split.validation
        elif chunk.groups is not None:
            # A group's rows may be in any chunk, so its draw is a hash of the group and the seed.
            key = f"{split.seed:016d}"
            draws = pd.util.hash_array(chunk.groups.astype(object), hash_key=key) / 2.0**64
            validates = draws < split.validation
        else:
            validates = self._generator.random(count) < split.validation
        self._rows += count
        self._has_validation = self._has_validation or bool(validates.any())
        return (~validates if train is None else train), validates

    def check(self) -> None:
        """Check the split after the last chunk.

        Raises:
            DataError: If the table is too short for the ranges, or no row has the value of
                split.validation.
        """
        split = self._split
        if split.train is not None and isinstance(split.validation, tuple):
            for name, (_, end) in (("train", split.train), ("validation", split.validation)):
                if end > self._rows:
                    where = f"split.{name} ends at row {end}"
                    raise DataError(f"{where}, the table has {self._rows} rows")
        elif isinstance(split.validation, str) and not self._has_validation:
            raise DataError(f"split.validation: no row has the value {split.validation!r}")


@dataclass(frozen=True, eq=False)
class Partitions:
    """A table, split into rows that train and rows that validate.

    Attributes:
        table: All rows, or a sample if `file` is given.
        train: The rows that train, or a sample.
        validation: The rows that validate, or a sample.
        table_stats: Statistics of all targets.
        train_stats: Statistics of the targets that train.
        dropped: Number of rows left out.
        file: None if all rows are in memory. Otherwise the training rows as records of float64:
            features, targets and a weight, 1 without weights. `close` deletes the file.
    """

    table: Table
    train: Table
    validation: Table
    table_stats: TargetStatistics
    train_stats: TargetStatistics
    dropped: int
    file: "tempfile._TemporaryFileWrapper[bytes] | None" = None

    def close(self) -> None:
        """Delete the temporary file, if there is one."""
        if self.file is not None:
            self.file.close()

    def rewrite(self, change: Callable[[Array, Array], tuple[Array, Array]]) -> None:
        """Replace targets (B, columns) and weights (B,) of all records in the file.

        Args:
            change: Called with targets and weights of some records; returns the new ones.
        """
        assert self.file is not None
        features = self.train.rows.shape[1]
        width = features + self.train.targets.shape[1] + 1
        self.file.seek(0)
        while content := self.file.read(REWRITE_ROWS * width * 8):
            records = np.frombuffer(content).reshape(-1, width).copy()
            records[:, features:-1], records[:, -1] = change(
                records[:, features:-1], records[:, -1]
            )
            self.file.seek(-len(content), 1)
            self.file.write(records.data)
        self.file.flush()


def read_partitions(recipe: Recipe) -> Partitions:
    """Read and split a recipe's table, through a temporary file if it is too large for memory.

    Raises:
        DataError: If the table cannot be used, or a part of it is empty or has one class only.
    """
    target, chunks = recipe.schema.target, read_table_chunks(recipe)
    held: list[Table] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += chunk.rows.nbytes
        if size > MAX_MEMORY_BYTES:
            return _read_through_file(_continue(held, chunks), recipe)
    table = concatenate(held)
    table_stats = TargetStatistics(target).add(table.targets)
    require_two_classes(recipe, table_stats)
    train, validation = split_table(table, recipe)
    train_stats = TargetStatistics(target).add(train.targets)
    train_stats.check()
    return Partitions(table, train, validation, table_stats, train_stats, table.dropped)


def read_sample(recipe: Recipe) -> tuple[Table, int]:
    """Read a recipe's table, or a sample of it that fits in memory.

    Returns:
        The rows, and the number of rows in the whole table.

    Raises:
        DataError: If the table cannot be used; see `read_table`.
    """
    max_rows = max(MIN_SAMPLE_ROWS, MAX_MEMORY_BYTES // (8 * _record_width(recipe)))
    sample = Sample(max_rows, np.random.default_rng(0))
    statistics = TargetStatistics(recipe.schema.target)
    for chunk in read_table_chunks(recipe):
        sample.add(chunk)
        statistics.add(chunk.targets)
    require_two_classes(recipe, statistics)
    return sample.table(), statistics.rows


def _continue(held: list[Table], chunks: Iterator[Table]) -> Iterator[Table]:
    """Yield the chunks that are held, releasing each, then those still to be read."""
    while held:
        yield held.pop(0)
    yield from chunks


def _read_through_file(chunks: Iterator[Table], recipe: Recipe) -> Partitions:
    target, splitter = recipe.schema.target, ChunkSplitter(recipe.split)
    table_stats, train_stats, dropped = TargetStatistics(target), TargetStatistics(target), 0
    sample_rows = min(MAX_SAMPLE_ROWS, MAX_SAMPLE_BYTES // (8 * _record_width(recipe)))
    max_rows = max(MIN_SAMPLE_ROWS, sample_rows)
    generators = np.random.default_rng([recipe.split.seed, 1]).spawn(2)
    train, validation = (Sample(max_rows, generator) for generator in generators)
    file = tempfile.NamedTemporaryFile(prefix="malignancy-")  # noqa: SIM115  # Partitions closes it
    try:
        for chunk in chunks:
            trains, validates = splitter.masks(chunk)
            training_rows = chunk.take(trains)
            _write(file, training_rows)
            train.add(training_rows)
            validation.add(chunk.take(validates))
            table_stats.add(chunk.targets)
            train_stats.add(training_rows.targets)
            dropped += chunk.dropped
        require_two_classes(recipe, table_stats)
        splitter.check()
        samples = train.table(), validation.table()
        if not all(len(sample.rows) for sample in samples):
            raise DataError(f"split.validation: {recipe.split.validation} leaves one part empty")
        train_stats.check()
    except BaseException:
        file.close()
        raise
    return Partitions(concatenate(samples), *samples, table_stats, train_stats, dropped, file)


def _write(file: IO[bytes], table: Table) -> None:
    weights = np.ones(len(table.rows)) if table.weights is None else table.weights
    try:
        file.write(np.column_stack([table.rows, table.targets, weights]).astype(float).data)
        file.flush()
    except OSError as error:
        place = f"{tempfile.gettempdir()}: cannot keep the training rows: {error.strerror}"
        raise DataError(f"{place} (set TMPDIR to a folder with more space)") from None


def _record_width(recipe: Recipe) -> int:
    """Return how many numbers a row's record has."""
    return len(recipe.schema.features) + recipe.schema.target.columns_of_targets + 1
