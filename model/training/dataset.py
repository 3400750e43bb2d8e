"""A recipe's table, read and checked against the recipe's schema."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.schema import Feature
from model.training.recipe import Recipe
from model.training.sections import Data
from model.training.split import by_fraction, by_ranges, by_values


@dataclass(frozen=True, eq=False)
class Table:
    """The rows a recipe trains and validates on, in the file's order.

    rows: (B, features) float64, NaN where missing. labels: (B,) bool, True for the positive class.
    groups, weights, parts: (B,), of the columns that the recipe names, None for those it does not;
    parts is split.column's text. dropped: rows left out because a value was missing.
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
    frame = _read_csv(data.file)
    try:
        frame = frame.replace(data.missing_values, "") if data.missing_values else frame
        rows = np.column_stack([_column(frame, feature) for feature in recipe.features])
        complete = ~np.isnan(rows).any(axis=1)
        table = Table(
            rows,
            _labels(frame, data),
            _texts(frame, data.group),
            _weights(frame, data.weight),
            _texts(frame, recipe.split.column),
            dropped=0,
        )
    except DataError as error:
        raise DataError(f"{data.file.name}: {error}") from None
    if data.missing != "drop":
        return table
    return replace(table.take(np.flatnonzero(complete)), dropped=int((~complete).sum()))


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


def _read_csv(path: Path) -> pd.DataFrame:
    """The cells as text, each row indexed by the line of the file it begins on.

    Not by pandas: it takes a row's extra cell for an index, renames columns that are there twice,
    and loses count of the lines at blank ones and at line breaks within quotes.
    """
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            line = 1
            for cells in reader:
                if cells:  # a blank line has none
                    lines.append(line)
                    rows.append([cell.strip() for cell in cells])
                    if len(cells) != len(rows[0]):
                        count = f"{len(cells)} cells, the header {len(rows[0])}"
                        raise DataError(f"{path}: not a CSV table: line {line} has {count}")
                line = reader.line_num + 1
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: cannot be read: not UTF-8 text") from None
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV table: line {line}: {error}") from None
    if len(rows) < 2:
        raise DataError(f"{path}: not a CSV table: it has no {'rows' if rows else 'header'}")
    return pd.DataFrame(rows[1:], index=lines[1:], columns=rows[0], dtype=str)


def _values(frame: pd.DataFrame, name: str) -> "pd.Series[str]":
    found = list(frame.columns).count(name)
    if not found:
        raise DataError(f"no column {name!r}; it has {', '.join(frame.columns)}")
    if found > 1:
        raise DataError(f"column {name!r} is there {found} times")
    return frame[name]


def _labels(frame: pd.DataFrame, data: Data) -> Array:
    classes = _values(frame, data.target).to_numpy()
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


def _texts(frame: pd.DataFrame, name: str | None) -> Array | None:
    return None if name is None else _values(frame, name).to_numpy(dtype=str)


def _weights(frame: pd.DataFrame, name: str | None) -> Array | None:
    """A column of numbers that are not negative."""
    if name is None:
        return None
    weights = pd.to_numeric(_values(frame, name), errors="coerce").to_numpy(dtype=float)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        line = frame.index[bad.argmax()]
        raise DataError(f"line {line}, column {name!r}: must be a number, at least 0")
    return weights


def _column(frame: pd.DataFrame, feature: Feature) -> Array:
    """A feature's numbers, NaN for an empty cell; each text is read once."""
    texts = _values(frame, feature.name)
    known: dict[str, float] = {}
    for text in texts.unique():
        try:
            known[text] = feature.read(text)
        except ValueError as error:
            line = frame.index[(texts == text).to_numpy().argmax()]
            raise DataError(f"line {line}, column {feature.name!r}: {error}") from None
    return np.array(texts.map(known), dtype=float)
