"""A recipe's table, read and checked against the recipe's schema."""

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
        labels = _labels(frame, recipe.data)
        rows = np.column_stack([_column(frame, feature) for feature in recipe.features])
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
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: cannot be read: not UTF-8 text") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: not a CSV table: {str(error).strip()}") from None


def _values(frame: pd.DataFrame, name: str) -> "pd.Series[str]":
    if name not in frame.columns:
        raise DataError(f"no column {name!r}; it has {', '.join(map(str, frame.columns))}")
    return frame[name].str.strip()


def _labels(frame: pd.DataFrame, data: Data) -> Array:
    classes = _values(frame, data.target).to_numpy()
    positive = classes == data.positive
    unknown = ~positive & (classes != data.negative)
    if unknown.any():
        line = _line(unknown)
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
        raise DataError(f"line {_line(bad)}, column {feature.name!r}: {feature.rule}")
    return np.where(present, numbers, np.nan)


def _line(mask: Array) -> int:
    """The file's line of the first row marked; line 1 is the header."""
    return int(np.argmax(mask)) + 2
