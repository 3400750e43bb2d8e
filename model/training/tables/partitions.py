"""Read a recipe's table and split it into rows that train and rows that validate.

A table that is too large for memory is read in one pass with constant memory: its training rows are
written to a temporary file, and samples represent both parts. Random splits are then drawn row by
row, so a fraction of the rows, of a class or of whole groups is met on average, not to the row as
in `by_fraction`.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from model.errors import DataError
from model.prediction.target import Target
from model.training import memory
from model.training.recipes.recipe import Recipe
from model.training.tables.readers import naming, read_chunks
from model.training.tables.samples import Sample
from model.training.tables.splits import ChunkSplitter, split_table
from model.training.tables.table import Table, concatenate, parse_table
from model.training.tables.table_format import Dialect
from model.training.tables.targets import TargetStatistics

MAX_SAMPLE_ROWS, MAX_SAMPLE_BYTES = 100_000, 2**26  # of each part
MIN_SAMPLE_ROWS = 1000


@dataclass(frozen=True, eq=False)
class Partitions:
    """A table, split into rows that train, validate and test.

    Attributes:
        table: All rows, or a sample if `file` is given.
        train: The rows that train, or a sample.
        validation: The rows that validate, or a sample; `train` itself where out-of-bag
            predictions validate.
        table_stats: Statistics of all targets.
        train_stats: Statistics of the targets that train.
        dropped: Number of rows left out.
        test: The rows that only the final figures see, or a sample; None without split.test.
        file: None if all rows are in memory. Otherwise the training rows as records of float64:
            features, targets and a weight, 1 without weights. `close` deletes the file.
    """

    table: Table
    train: Table
    validation: Table
    table_stats: TargetStatistics
    train_stats: TargetStatistics
    dropped: int
    test: Table | None = None
    file: "tempfile._TemporaryFileWrapper[bytes] | None" = None

    @property
    def development(self) -> Table:
        """All rows that a training may see: those that train and validate."""
        if self.test is None:
            return self.table
        if self.validation is self.train:  # out-of-bag
            return self.train
        return concatenate([self.train, self.validation])

    def close(self) -> None:
        """Delete the temporary file, if there is one."""
        if self.file is not None:
            self.file.close()


def read_partitions(recipe: Recipe) -> Partitions:
    """Read and split a recipe's table, through a temporary file if it is too large for memory.

    Raises:
        DataError: If the table cannot be used, or a part of it is empty or has one class only.
    """
    chunks = _read_chunks(recipe)
    held: list[Table] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += chunk.rows.nbytes
        if size > memory.MAX_MEMORY_BYTES:
            return _read_through_file(_continue(held, chunks), recipe)
    table = concatenate(held)
    TargetStatistics(recipe.schema.target).add(table.targets).check_table(recipe.data)
    train, validation, test = split_table(table, recipe.split, recipe.schema.target)
    return hold_partitions(table, train, validation, recipe.schema.target, test)


def hold_partitions(
    table: Table, train: Table, validation: Table, target: Target, test: Table | None = None
) -> Partitions:
    """Return partitions that are in memory.

    Args:
        table: All rows.
        train: The rows that train.
        validation: The rows that validate.
        target: The target.
        test: The rows that only the final figures see, if any.

    Raises:
        DataError: If the rows that train have one class only.
    """
    table_stats = TargetStatistics(target).add(table.targets)
    train_stats = TargetStatistics(target).add(train.targets)
    train_stats.check_training()
    return Partitions(table, train, validation, table_stats, train_stats, table.dropped, test)


def read_table(recipe: Recipe) -> Table:
    """Read a recipe's whole table into memory.

    Raises:
        DataError: If the table cannot be used; the text names the file and, for a cell, the line
            and the column.
    """
    table = concatenate(_read_chunks(recipe))
    TargetStatistics(recipe.schema.target).add(table.targets).check_table(recipe.data)
    return table


def read_sample(recipe: Recipe) -> tuple[Table, int]:
    """Read a recipe's table, or a sample of it that fits in memory.

    Returns:
        The rows, and the number of rows in the whole table.

    Raises:
        DataError: If the table cannot be used; see `read_table`.
    """
    max_rows = max(MIN_SAMPLE_ROWS, memory.MAX_MEMORY_BYTES // (8 * _record_width(recipe)))
    sample = Sample(max_rows, np.random.default_rng(0))
    statistics = TargetStatistics(recipe.schema.target)
    for chunk in _read_chunks(recipe):
        sample.add(chunk)
        statistics.add(chunk.targets)
    statistics.check_table(recipe.data)
    return sample.table(), statistics.rows


def _read_chunks(recipe: Recipe) -> Iterator[Table]:
    """Read a recipe's table in chunks, of which some may be empty."""
    data = recipe.data
    names = {*recipe.schema.sources, *data.targets}
    dialect = Dialect(data.delimiter, data.encoding, data.decimal)
    for frame in read_chunks(data.file, names=names, dialect=dialect):
        with naming(data.file):
            chunk = parse_table(frame, data, recipe.schema, recipe.split.column)
        yield chunk


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
    generators = np.random.default_rng([recipe.split.seed, 1]).spawn(3)
    train, validation, test = (Sample(max_rows, generator) for generator in generators)
    file = tempfile.NamedTemporaryFile(prefix="malignancy-")  # noqa: SIM115  # Partitions closes it
    try:
        for chunk in chunks:
            trains, validates, tests = splitter.masks(chunk)
            training_rows = chunk.take(trains)
            _write(file, training_rows)
            train.add(training_rows)
            validation.add(chunk.take(validates))
            test.add(chunk.take(tests))
            table_stats.add(chunk.targets)
            train_stats.add(training_rows.targets)
            dropped += chunk.dropped
        table_stats.check_table(recipe.data)
        splitter.check()
        has_test = recipe.split.test is not None
        samples = [each.table() for each in (train, validation, *([test] if has_test else []))]
        if not all(len(sample.rows) for sample in samples):
            raise DataError(f"split.validation: {recipe.split.validation} leaves one part empty")
        train_stats.check_training()
    except BaseException:
        file.close()
        raise
    tested = samples[2] if has_test else None
    table = concatenate(samples)
    return Partitions(
        table, samples[0], samples[1], table_stats, train_stats, dropped, tested, file
    )


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
