"""A recipe's table, read and checked against the recipe's schema."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.schema import Feature
from model.training.recipe import Data, Recipe


@dataclass(frozen=True)
class Table:
    """The rows a recipe trains and validates on, in the file's order.

    rows: (B, features) float64. labels: (B,) bool, True for the positive class.
    dropped: number of rows left out because a value was missing.
    """

    rows: Array
    labels: Array
    dropped: int


def read_table(recipe: Recipe) -> Table:
    """The recipe's table. Raises DataError naming the file, and the line and column at fault."""
    path = recipe.data.file
    frame = _read_csv(path)
    try:
        rows = np.column_stack([_column(frame, feature) for feature in recipe.features])
        labels = _labels(frame, recipe.data)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None
    complete = ~np.isnan(rows).any(axis=1)
    return Table(rows[complete], labels[complete], dropped=int((~complete).sum()))


def select(table: Table, name: str, first: int, end: int) -> Table:
    """Rows [first, end) of a table. Raises DataError where there are none, or only one class."""
    if end > len(table.rows):
        raise DataError(f"split.{name} ends at row {end}, the table has {len(table.rows)} rows")
    labels = table.labels[first:end]
    if name == "train" and labels.all() == labels.any():
        raise DataError(f"split.{name} holds one class only, two are needed to learn from")
    return Table(table.rows[first:end], labels, dropped=0)


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


def _column(frame: pd.DataFrame, feature: Feature) -> Array:
    text = _values(frame, feature.name)
    numbers = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
    present = (text != "").to_numpy()
    # An empty cell is missing; its row is dropped. Any other must be a number the schema accepts.
    bad = present & ~np.array([np.isfinite(n) and feature.accepts(n) for n in numbers.tolist()])
    if bad.any():
        line = frame.index[bad.argmax()]
        raise DataError(f"line {line}, column {feature.name!r}: {feature.rule}")
    return np.where(present, numbers, np.nan)
