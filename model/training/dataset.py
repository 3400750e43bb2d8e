"""A recipe's table, read and checked against the recipe's schema."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.training.columns import read_column, texts, values
from model.training.frames import read_frame
from model.training.recipe import Recipe
from model.training.sections import Data
from model.training.split import by_fraction, by_ranges, by_values


@dataclass(frozen=True, eq=False)
class Table:
    """The rows a recipe trains and validates on, in the file's order.

    rows: (B, features) float64, NaN where missing. labels: (B,) bool, True for the positive class.
    groups, weights, parts: (B,), of the columns that the recipe names, None for those it does not;
    parts is split.column's text. dropped: rows left out, because a value was missing or data.labels
    says so.
    """

    rows: Array
    labels: Array
    groups: Array | None
    weights: Array | None
    parts: Array | None
    dropped: int

    def take(self, index: Array) -> "Table":
        """The rows of these indices."""
        rest = (self.groups, self.weights, self.parts)
        groups, weights, parts = (None if each is None else each[index] for each in rest)
        return Table(self.rows[index], self.labels[index], groups, weights, parts, dropped=0)


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
            _labels(frame, data),
            texts(frame, data.group),
            _weights(frame, data.weight),
            texts(frame, recipe.split.column),
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
    split = recipe.split
    if split.train is not None and isinstance(split.validation, tuple):
        parts = by_ranges(len(table.rows), split.train, split.validation)
    elif table.parts is not None and isinstance(split.validation, str):
        parts = by_values(table.parts, split.validation)
    else:
        assert isinstance(split.validation, float)
        classes = table.labels if split.stratify else None
        parts = by_fraction(split.validation, classes, table.groups, len(table.rows), split.seed)
    train, validation = (table.take(index) for index in parts)
    if train.labels.all() == train.labels.any():
        raise DataError("split.train holds one class only, two are needed to learn from")
    return train, validation


def _with_labels(frame: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The target's cells as the classes they mean; without the rows that mean none."""
    if not data.labels:
        return frame
    meant = values(frame, data.target).map(lambda cell: data.labels.get(cell, cell))
    kept = (meant != "") | ~frame[data.target].isin(list(data.labels))
    return frame.assign(**{data.target: meant})[kept]


def _labels(frame: pd.DataFrame, data: Data) -> Array:
    classes = values(frame, data.target).to_numpy()
    positive = classes == data.positive
    unknown = ~positive & (classes != data.negative)
    if unknown.any():
        line = frame.index[unknown.argmax()]
        expected = f"{data.negative!r} or {data.positive!r}"
        raise DataError(f"line {line}, column {data.target!r}: must be {expected}")
    if positive.all() or not positive.any():
        only = data.positive if positive.any() else data.negative
        raise DataError(f"column {data.target!r} holds one class only ({only!r}), two are needed")
    return np.asarray(positive, dtype=bool)


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
