"""Columns of a table by name: as text, or as the numbers of a feature."""

from typing import Any

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.schema import Feature
from model.prediction.schema_rules import SchemaRules
from model.training.tables.readers import as_text


def text_column(frame: pd.DataFrame, name: str) -> "pd.Series[str]":
    """Return a column as text.

    Args:
        frame: The table.
        name: Name of the column.

    Raises:
        DataError: If the column is missing, or the name occurs more than once.
    """
    return as_text(_column(frame, name))


def text_array(frame: pd.DataFrame, name: str | None) -> Array | None:
    """Return a column as a NumPy array of text, shape (B,).

    Args:
        frame: The table.
        name: Name of the column. None returns None.

    Raises:
        DataError: If the column is missing, or the name occurs more than once.
    """
    return None if name is None else text_column(frame, name).to_numpy(dtype=str)


def read_column(frame: pd.DataFrame, feature: Feature) -> Array:
    """Read the numbers of a feature.

    Args:
        frame: The table.
        feature: The feature; its name is that of the column.

    Returns:
        Shape (B,), float64, NaN for an empty cell.

    Raises:
        DataError: If a cell breaks the rule of the feature; the text names the line and the column.
    """
    column = _column(frame, feature.name)
    numbers = _numbers(column, feature)
    if numbers is not None and _all_accepted(numbers, feature):
        return numbers
    return _read_texts(as_text(column), feature)


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    count = list(frame.columns).count(name)
    if not count:
        raise DataError(f"no column {name!r}; the columns are {', '.join(frame.columns)}")
    if count > 1:
        raise DataError(f"column {name!r} occurs {count} times: rename or remove the others")
    return frame[name]


def _numbers(column: "pd.Series[Any]", feature: Feature) -> Array | None:
    """Return the values of a numeric or boolean column; None if its text has to be parsed."""
    kind = column.dtype.kind
    accepts_booleans = feature.type == "boolean"
    if feature.type == "category" or kind not in "biuf" or (kind == "b" and not accepts_booleans):
        return None
    return column.to_numpy(dtype=float, na_value=np.nan)


def _all_accepted(numbers: Array, feature: Feature) -> bool:
    """Return whether every number is valid or missing."""
    valid = SchemaRules([feature]).check(numbers[:, np.newaxis])[:, 0]
    return bool((valid | np.isnan(numbers)).all())


def _read_texts(column: "pd.Series[str]", feature: Feature) -> Array:
    """Parse each distinct text once."""
    cells = column.tolist()
    distinct = list(dict.fromkeys(cells))
    numbers = _parse(distinct)
    if (
        feature.type in ("category", "boolean")
        or numbers is None
        or not _all_accepted(numbers, feature)
    ):
        numbers = np.array([feature.parse(text) for text in distinct])
        valid = SchemaRules([feature]).check(numbers[:, np.newaxis])[:, 0] | np.isnan(numbers)
        if not valid.all():
            line = column.index[cells.index(distinct[int(valid.argmin())])]
            raise DataError(f"line {line}, column {feature.name!r}: {feature.rule}")
    known = dict(zip(distinct, numbers.tolist(), strict=True))
    return np.fromiter(map(known.__getitem__, cells), dtype=float, count=len(cells))


def _parse(distinct: list[str]) -> Array | None:
    """Parse texts as Python's float does; None if one is not a number or has to be rejected."""
    if "_" in "".join(distinct):
        return None
    try:
        numbers = np.array([text or "nan" for text in distinct], dtype=object).astype(float)
    except ValueError:
        return None
    return numbers if np.isnan(numbers).sum() == ("" in distinct) else None
