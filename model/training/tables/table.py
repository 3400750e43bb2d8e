"""Read a recipe's table and check it against the recipe's schema, whole or in chunks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.target import Binary, MultiClass
from model.training.recipes.recipe import Recipe
from model.training.recipes.sections import Data
from model.training.tables.columns import read_column, text_array, text_column
from model.training.tables.readers import as_text, read_chunks
from model.training.tables.splits import by_fraction, by_ranges, by_values
from model.training.tables.targets import TargetStatistics, read_targets


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a recipe's table, in the file's order.

    Attributes:
        rows: Raw features, shape (B, F), float64, NaN for a missing value.
        targets: Shape (B, columns), as `read_targets` returns them.
        groups: Text of data.group, shape (B,); None without groups.
        weights: Row weights, shape (B,); None without weights.
        split_values: Text of split.column, shape (B,); None without that column.
        dropped: Number of rows left out because a value is missing or data.labels says so.
    """

    rows: Array
    targets: Array
    groups: Array | None
    weights: Array | None
    split_values: Array | None
    dropped: int

    @property
    def incomplete(self) -> Array:
        """Mask of the rows with a missing value, shape (B,), bool."""
        return np.asarray(np.isnan(self.rows).any(axis=1))

    def group_numbers(self) -> Array:
        """Return group numbers in order of appearance, shape (B,), int64.

        Without groups, each row has its own number.
        """
        if self.groups is None:
            return np.arange(len(self.rows))
        return pd.factorize(self.groups)[0].astype(np.int64)

    def take(self, index: Array) -> "Table":
        """Return the rows of an index array or of a mask."""
        optional = (self.groups, self.weights, self.split_values)
        groups, weights, split_values = (
            None if column is None else column[index] for column in optional
        )
        return Table(
            self.rows[index], self.targets[index], groups, weights, split_values, dropped=0
        )


def concatenate(tables: Iterable[Table]) -> Table:
    """Concatenate tables of the same recipe."""
    given = list(tables)

    def concatenate_optional(columns: list[Array | None]) -> Array | None:
        present = [column for column in columns if column is not None]
        return np.concatenate(present) if present else None

    return Table(
        np.concatenate([table.rows for table in given]),
        np.concatenate([table.targets for table in given]),
        concatenate_optional([table.groups for table in given]),
        concatenate_optional([table.weights for table in given]),
        concatenate_optional([table.split_values for table in given]),
        dropped=sum(table.dropped for table in given),
    )


def read_table(recipe: Recipe) -> Table:
    """Read a recipe's whole table into memory.

    Raises:
        DataError: If the table cannot be used; the text names the file and, for a cell, the line
            and the column.
    """
    table = concatenate(read_table_chunks(recipe))
    require_two_classes(recipe, TargetStatistics(recipe.schema.target).add(table.targets))
    return table


def read_table_chunks(recipe: Recipe) -> Iterator[Table]:
    """Read a recipe's table in chunks; there is at least one, and some may be empty.

    Raises:
        DataError: If the table cannot be used; the text names the file and, for a cell, the line
            and the column.
    """
    is_empty = True
    for frame in read_chunks(recipe.data.file):
        is_empty = False
        try:
            chunk = _table_of(frame, recipe)
        except DataError as error:
            raise DataError(f"{recipe.data.file.name}: {error}") from None
        yield chunk
    if is_empty:
        raise DataError(f"{recipe.data.file}: not a table: it has no rows")


def require_two_classes(recipe: Recipe, statistics: TargetStatistics) -> None:
    """Check that a whole table has rows of at least two classes.

    Args:
        recipe: The recipe.
        statistics: Statistics of all targets.

    Raises:
        DataError: If the task has classes, and the table has rows of fewer than two.
    """
    target, name = recipe.schema.target, recipe.data.targets[0]
    if not isinstance(target, Binary | MultiClass):
        return
    if not statistics.rows:
        raise DataError(
            f"{recipe.data.file.name}: no row is left: every row has a missing value or a label "
            'that is left out; data.missing = "median" keeps the former'
        )
    if np.count_nonzero(statistics.counts) == 1:
        labels = (target.negative, target.positive) if isinstance(target, Binary) else target.names
        only = f"one class only ({labels[int(statistics.counts.argmax())]!r})"
        raise DataError(f"{recipe.data.file.name}: column {name!r} holds {only}, two are needed")


def split_table(table: Table, recipe: Recipe) -> tuple[Table, Table]:
    """Split a table by the recipe's table `[split]`.

    Args:
        table: The whole table.
        recipe: The recipe.

    Returns:
        The rows that train and the rows that validate.

    Raises:
        DataError: If the table is too short for the split, or a part is empty.
    """
    split, target = recipe.split, recipe.schema.target
    if split.train is not None and isinstance(split.validation, tuple):
        indices = by_ranges(len(table.rows), split.train, split.validation)
    elif table.split_values is not None and isinstance(split.validation, str):
        indices = by_values(table.split_values, split.validation)
    else:
        assert isinstance(split.validation, float)
        # Only a single class per row can be stratified; labels and numbers cannot.
        has_classes = split.stratify and isinstance(target, Binary | MultiClass)
        classes = table.targets[:, 0] if has_classes else None
        indices = by_fraction(split.validation, classes, table.groups, len(table.rows), split.seed)
    train, validation = (table.take(index) for index in indices)
    return train, validation


def _table_of(frame: pd.DataFrame, recipe: Recipe) -> Table:
    data = recipe.data
    if data.missing_values:
        frame = frame.apply(as_text).replace(data.missing_values, "")
    all_rows = len(frame)
    frame = _with_labels(frame, data)
    rows = np.column_stack([read_column(frame, feature) for feature in recipe.schema.features])
    table = Table(
        rows,
        read_targets(frame, data, recipe.schema.target),
        text_array(frame, data.group),
        _weights(frame, data.weight),
        text_array(frame, recipe.split.column),
        dropped=all_rows - len(frame),
    )
    if data.missing != "drop":
        return table
    complete = ~np.isnan(rows).any(axis=1)
    incomplete = int((~complete).sum())
    return replace(table.take(complete), dropped=table.dropped + incomplete)


def _with_labels(frame: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Replace the target's cells by data.labels, and leave out rows whose label is ""."""
    if not data.labels:
        return frame
    name = data.targets[0]
    cells = text_column(frame, name)
    labels = cells.map(lambda cell: data.labels.get(cell, cell))
    kept = (labels != "") | ~cells.isin(list(data.labels))
    return frame.assign(**{name: labels})[kept]


def _weights(frame: pd.DataFrame, name: str | None) -> Array | None:
    """Read the row weights: finite numbers of at least 0."""
    if name is None:
        return None
    weights = pd.to_numeric(text_column(frame, name), errors="coerce").to_numpy(dtype=float)
    invalid = ~(np.isfinite(weights) & (weights >= 0))
    if invalid.any():
        line = frame.index[invalid.argmax()]
        raise DataError(f"line {line}, column {name!r}: must be a number, at least 0")
    return weights
