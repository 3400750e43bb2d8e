"""A recipe's table, read and checked against the recipe's schema."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.target import Binary, MultiClass
from model.training.columns import read_column, values
from model.training.frames import read_frame
from model.training.recipe import Recipe
from model.training.sections import Data
from model.training.split import by_fraction, by_ranges, by_values
from model.training.truth import check_variety, read_targets


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

    def take(self, index: Array) -> "Table":
        """The rows of these indices."""
        rest = (self.groups, self.weights, self.parts)
        groups, weights, parts = (None if each is None else each[index] for each in rest)
        return Table(self.rows[index], self.targets[index], groups, weights, parts, dropped=0)


def read_table(recipe: Recipe) -> Table:
    """The recipe's table. Raises DataError naming the file, and the line and column at fault."""
    data = recipe.data
    frame = read_frame(data.file)
    try:
        frame = frame.replace(data.missing_values, "") if data.missing_values else frame
        all_rows = len(frame)
        frame = _with_labels(frame, data)
        rows = np.column_stack([read_column(frame, feature) for feature in recipe.features])
        complete = ~np.isnan(rows).any(axis=1)
        table = Table(
            rows,
            read_targets(frame, data, recipe.data_schema.target),
            _texts(frame, data.group),
            _weights(frame, data.weight),
            _texts(frame, recipe.split.column),
            dropped=all_rows - len(frame),
        )
    except DataError as error:
        raise DataError(f"{data.file.name}: {error}") from None
    if data.missing != "drop":
        return table
    incomplete = int((~complete).sum())
    return replace(table.take(np.flatnonzero(complete)), dropped=table.dropped + incomplete)


def split_table(table: Table, recipe: Recipe) -> tuple[Table, Table]:
    """The rows that train and those that validate.

    Raises DataError where the table has not enough of them, or only one class to learn from.
    """
    split, target = recipe.split, recipe.data_schema.target
    has_classes = isinstance(target, Binary | MultiClass)
    if split.train is not None and isinstance(split.validation, tuple):
        parts = by_ranges(len(table.rows), split.train, split.validation)
    elif table.parts is not None and isinstance(split.validation, str):
        parts = by_values(table.parts, split.validation)
    else:
        assert isinstance(split.validation, float)
        # Several labels, or numbers, are no classes to draw alike from.
        classes = table.targets[:, 0] if split.stratify and has_classes else None
        parts = by_fraction(split.validation, classes, table.groups, len(table.rows), split.seed)
    train, validation = (table.take(index) for index in parts)
    check_variety(train.targets, target)
    return train, validation


def _with_labels(frame: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The target's cells as the classes they mean; without the rows that mean none."""
    if not data.labels:
        return frame
    name = data.targets[0]
    meant = values(frame, name).map(lambda cell: data.labels.get(cell, cell))
    kept = (meant != "") | ~frame[name].isin(list(data.labels))
    return frame.assign(**{name: meant})[kept]


def _texts(frame: pd.DataFrame, name: str | None) -> Array | None:
    return None if name is None else values(frame, name).to_numpy(dtype=str)


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
