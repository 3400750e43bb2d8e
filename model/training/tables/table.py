"""A recipe's table, read and checked against the recipe's schema, a piece at a time or whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.target import Binary, MultiClass
from model.training.recipes.recipe import Recipe
from model.training.recipes.sections import Data
from model.training.tables.columns import read_column, texts, values
from model.training.tables.readers import read_pieces, spelled
from model.training.tables.splits import by_fraction, by_ranges, by_values
from model.training.tables.targets import TargetStatistics, read_targets


@dataclass(frozen=True, eq=False)
class Table:
    """The rows a recipe trains and validates on, in the file's order.

    rows: (B, features) float64, NaN where missing. targets: (B, columns), as their kind has them.
    groups, weights, parts: (B,), of the columns that the recipe names, None for those it does not;
    parts is split.column's text. dropped: rows left out, because a value was missing or data.labels
    says so.
    """

    rows: Array
    targets: Array
    groups: Array | None
    weights: Array | None
    parts: Array | None
    dropped: int

    @property
    def incomplete(self) -> Array:
        """In which rows a value is missing: (B,) bool."""
        return np.asarray(np.isnan(self.rows).any(axis=1))

    def group_numbers(self) -> Array:
        """The rows' groups (B,) int64 by numbers from 0, as they come; or a number each."""
        if self.groups is None:
            return np.arange(len(self.rows))
        return pd.factorize(self.groups)[0].astype(np.int64)

    def take(self, index: Array) -> "Table":
        """The rows of these indices, or of this mask."""
        rest = (self.groups, self.weights, self.parts)
        groups, weights, parts = (None if each is None else each[index] for each in rest)
        return Table(self.rows[index], self.targets[index], groups, weights, parts, dropped=0)


def concatenate(tables: Iterable[Table]) -> Table:
    """Tables of one recipe, one after the other."""
    given = list(tables)

    def joined(parts: list[Array | None]) -> Array | None:
        present = [part for part in parts if part is not None]
        return np.concatenate(present) if present else None

    return Table(
        np.concatenate([each.rows for each in given]),
        np.concatenate([each.targets for each in given]),
        joined([each.groups for each in given]),
        joined([each.weights for each in given]),
        joined([each.parts for each in given]),
        dropped=sum(each.dropped for each in given),
    )


def read_table(recipe: Recipe) -> Table:
    """The recipe's table, held in memory.

    Raises DataError naming the file, and the line and column at fault.
    """
    table = concatenate(read_table_pieces(recipe))
    require_variety(recipe, TargetStatistics(recipe.data_schema.target).add(table.targets))
    return table


def read_table_pieces(recipe: Recipe) -> Iterator[Table]:
    """The same in pieces, of which at least one comes; some may be left without rows."""
    empty = True
    for frame in read_pieces(recipe.data.file):
        empty = False
        try:
            piece = _piece(frame, recipe)
        except DataError as error:
            raise DataError(f"{recipe.data.file.name}: {error}") from None
        yield piece
    if empty:
        raise DataError(f"{recipe.data.file}: not a table: it has no rows")


def require_variety(recipe: Recipe, tally: TargetStatistics) -> None:
    """Raise DataError where a whole table has only one class to learn from."""
    target, name = recipe.data_schema.target, recipe.data.targets[0]
    if not isinstance(target, Binary | MultiClass):
        return
    if not tally.rows:
        raise DataError(f"{recipe.data.file.name}: no row is left")
    if np.count_nonzero(tally.counts) == 1:
        labels = (target.negative, target.positive) if isinstance(target, Binary) else target.names
        only = f"one class only ({labels[int(tally.counts.argmax())]!r})"
        raise DataError(f"{recipe.data.file.name}: column {name!r} holds {only}, two are needed")


def split_table(table: Table, recipe: Recipe) -> tuple[Table, Table]:
    """The rows that train and those that validate.

    Raises DataError where the table has not enough of them, or only one class to learn from.
    """
    split, target = recipe.split, recipe.data_schema.target
    if split.train is not None and isinstance(split.validation, tuple):
        parts = by_ranges(len(table.rows), split.train, split.validation)
    elif table.parts is not None and isinstance(split.validation, str):
        parts = by_values(table.parts, split.validation)
    else:
        assert isinstance(split.validation, float)
        # Several labels, or numbers, are no classes to draw alike from.
        has_classes = split.stratify and isinstance(target, Binary | MultiClass)
        classes = table.targets[:, 0] if has_classes else None
        parts = by_fraction(split.validation, classes, table.groups, len(table.rows), split.seed)
    train, validation = (table.take(index) for index in parts)
    return train, validation


def _piece(frame: pd.DataFrame, recipe: Recipe) -> Table:
    data = recipe.data
    if data.missing_values:
        frame = frame.apply(spelled).replace(data.missing_values, "")
    all_rows = len(frame)
    frame = _with_labels(frame, data)
    rows = np.column_stack([read_column(frame, feature) for feature in recipe.features])
    table = Table(
        rows,
        read_targets(frame, data, recipe.data_schema.target),
        texts(frame, data.group),
        _weights(frame, data.weight),
        texts(frame, recipe.split.column),
        dropped=all_rows - len(frame),
    )
    if data.missing != "drop":
        return table
    complete = ~np.isnan(rows).any(axis=1)
    incomplete = int((~complete).sum())
    return replace(table.take(complete), dropped=table.dropped + incomplete)


def _with_labels(frame: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The target's cells as the classes they mean; without the rows that mean none."""
    if not data.labels:
        return frame
    name = data.targets[0]
    cells = values(frame, name)
    meant = cells.map(lambda cell: data.labels.get(cell, cell))
    kept = (meant != "") | ~cells.isin(list(data.labels))
    return frame.assign(**{name: meant})[kept]


def _weights(frame: pd.DataFrame, name: str | None) -> Array | None:
    """A column of numbers that are not negative."""
    if name is None:
        return None
    weights = pd.to_numeric(values(frame, name), errors="coerce").to_numpy(dtype=float)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        line = frame.index[bad.argmax()]
        raise DataError(f"line {line}, column {name!r}: must be a number, at least 0")
    return weights
