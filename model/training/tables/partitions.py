"""A recipe's table, read and split into rows that train and rows that validate.

One too large to be held is read in one pass and flat memory: its training rows go to a file, and
samples stand for both parts. What is drawn then is drawn row by row: a fraction is of the rows, of
a class or of whole groups in the long run, not to a row as `by_fraction` has it.
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
    read_table_pieces,
    require_variety,
    split_table,
)
from model.training.tables.targets import TargetStatistics

MAX_MEMORY_BYTES = 2**26  # of features
SAMPLED_ROWS, SAMPLED_BYTES = 100_000, 2**26  # of either part, at the most
PIECE_ROWS = 2**14  # of the file, when it is written once more


class Sample:
    """Rows drawn from all that came: any set of so many is as likely as another."""

    def __init__(self, most: int, generator: np.random.Generator) -> None:
        self._most, self._generator = most, generator
        self._pieces: list[Table] = []
        self._keys: list[Array] = []

    def add(self, piece: Table) -> None:
        """Let these rows take part."""
        self._pieces.append(piece)
        self._keys.append(self._generator.random(len(piece.rows)))
        if sum(map(len, self._keys)) > 2 * self._most:
            self._thin()

    def table(self) -> Table:
        """The rows that were drawn, in the order they came."""
        self._thin()
        return self._pieces[0]

    def _thin(self) -> None:
        """Keep the rows of the smallest keys."""
        together, keys = concatenate(self._pieces), np.concatenate(self._keys)
        kept = np.arange(len(keys))
        if len(keys) > self._most:
            kept = np.sort(np.argpartition(keys, self._most)[: self._most])
        self._pieces, self._keys = [together.take(kept)], [keys[kept]]


class PieceSplit:
    """`split_table`, a piece at a time."""

    def __init__(self, split: Split) -> None:
        self._split, self._generator = split, np.random.default_rng(split.seed)
        self._rows, self._any = 0, False

    def masks(self, piece: Table) -> tuple[Array, Array]:
        """Which rows of the next piece train, and which validate, as masks (B,)."""
        split, count = self._split, len(piece.rows)
        train: Array | None = None
        if split.train is not None and isinstance(split.validation, tuple):
            at = np.arange(self._rows, self._rows + count)
            train, validates = (
                (at >= first) & (at < end) for first, end in (split.train, split.validation)
            )
        elif piece.parts is not None:
            validates = piece.parts == split.validation
        elif piece.groups is not None:  # whose rows may be anywhere: each group by its own draw
            key = f"{split.seed:016d}"
            draws = pd.util.hash_array(piece.groups.astype(object), hash_key=key) / 2.0**64
            validates = draws < split.validation
        else:
            validates = self._generator.random(count) < split.validation
        self._rows += count
        self._any = self._any or bool(validates.any())
        return (~validates if train is None else train), validates

    def check(self) -> None:
        """Raise DataError where the table as a whole was too short, or had no row to validate."""
        split = self._split
        if split.train is not None and isinstance(split.validation, tuple):
            for name, (_, end) in (("train", split.train), ("validation", split.validation)):
                if end > self._rows:
                    where = f"split.{name} ends at row {end}"
                    raise DataError(f"{where}, the table has {self._rows} rows")
        elif isinstance(split.validation, str) and not self._any:
            raise DataError(f"split.validation: no row has the value {split.validation!r}")


@dataclass(frozen=True, eq=False)
class Partitions:
    """What a table's rows are for.

    table: all of them. train, validation: the two parts. table_stats, train_stats: what all
    targets, and those that train, were. dropped: rows that were left out.

    file: of a table that is not held, records of float64, one a training row: features, targets,
    and a weight, 1 where there is none; table, train and validation are samples then. `close`
    removes it.
    """

    table: Table
    train: Table
    validation: Table
    table_stats: TargetStatistics
    train_stats: TargetStatistics
    dropped: int
    file: "tempfile._TemporaryFileWrapper[bytes] | None" = None

    def close(self) -> None:
        """Let go of the file."""
        if self.file is not None:
            self.file.close()

    def rewrite(self, change: Callable[[Array, Array], tuple[Array, Array]]) -> None:
        """Change targets (B, columns) and weights (B,) of all records in the file."""
        assert self.file is not None
        features = self.train.rows.shape[1]
        width = features + self.train.targets.shape[1] + 1
        self.file.seek(0)
        while piece := self.file.read(PIECE_ROWS * width * 8):
            records = np.frombuffer(piece).reshape(-1, width).copy()
            records[:, features:-1], records[:, -1] = change(
                records[:, features:-1], records[:, -1]
            )
            self.file.seek(-len(piece), 1)
            self.file.write(records.data)
        self.file.flush()


def read_partitions(recipe: Recipe) -> Partitions:
    """Raises DataError naming what is wrong with the table, or with its parts."""
    target, pieces = recipe.data_schema.target, read_table_pieces(recipe)
    held: list[Table] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += piece.rows.nbytes
        if size > MAX_MEMORY_BYTES:
            return _spilled(_drained(held, pieces), recipe)
    table = concatenate(held)
    table_stats = TargetStatistics(target).add(table.targets)
    require_variety(recipe, table_stats)
    train, validation = split_table(table, recipe)
    train_stats = TargetStatistics(target).add(train.targets)
    train_stats.check()
    return Partitions(table, train, validation, table_stats, train_stats, table.dropped)


def read_sample(recipe: Recipe) -> tuple[Table, int]:
    """A recipe's table, or a sample of it that can be held; and how many rows it has.

    Raises DataError as `read_table` does.
    """
    sample = Sample(max(1000, MAX_MEMORY_BYTES // (8 * _width(recipe))), np.random.default_rng(0))
    tally = TargetStatistics(recipe.data_schema.target)
    for piece in read_table_pieces(recipe):
        sample.add(piece)
        tally.add(piece.targets)
    require_variety(recipe, tally)
    return sample.table(), tally.rows


def _drained(held: list[Table], pieces: Iterator[Table]) -> Iterator[Table]:
    """What was held, which is let go of, and what is still to come."""
    while held:
        yield held.pop(0)
    yield from pieces


def _spilled(pieces: Iterator[Table], recipe: Recipe) -> Partitions:
    target, split = recipe.data_schema.target, PieceSplit(recipe.split)
    table_stats, train_stats, dropped = TargetStatistics(target), TargetStatistics(target), 0
    most = max(1000, min(SAMPLED_ROWS, SAMPLED_BYTES // (8 * _width(recipe))))
    draws = np.random.default_rng([recipe.split.seed, 1]).spawn(2)
    train, validation = (Sample(most, each) for each in draws)
    file = tempfile.NamedTemporaryFile(prefix="malignancy-")  # noqa: SIM115  # parts keep it
    try:
        for piece in pieces:
            trains, validates = split.masks(piece)
            chosen = piece.take(trains)
            _write(file, chosen)
            train.add(chosen)
            validation.add(piece.take(validates))
            table_stats.add(piece.targets)
            train_stats.add(chosen.targets)
            dropped += piece.dropped
        require_variety(recipe, table_stats)
        split.check()
        drawn = train.table(), validation.table()
        if not all(len(part.rows) for part in drawn):
            raise DataError(f"split.validation: {recipe.split.validation} leaves one part empty")
        train_stats.check()
    except BaseException:
        file.close()
        raise
    return Partitions(concatenate(drawn), *drawn, table_stats, train_stats, dropped, file)


def _write(file: IO[bytes], table: Table) -> None:
    weights = np.ones(len(table.rows)) if table.weights is None else table.weights
    try:
        file.write(np.column_stack([table.rows, table.targets, weights]).astype(float).data)
        file.flush()
    except OSError as error:
        place = f"{tempfile.gettempdir()}: cannot keep the training rows: {error.strerror}"
        raise DataError(f"{place} (TMPDIR says where they are kept)") from None


def _width(recipe: Recipe) -> int:
    """How many numbers a row's record has."""
    return len(recipe.features) + recipe.data_schema.target.columns_of_targets + 1
