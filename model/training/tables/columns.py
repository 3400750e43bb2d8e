"""Columns of a table by name: as text, or as the raw values of features."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.schema import Feature
from model.prediction.schema_rules import SchemaRules


def read_rows(frame: pd.DataFrame, features: Sequence[Feature], gaps: int = 0) -> Array:
    """Read the raw values of features.

    Args:
        frame: The table.
        features: F features; their names are those of the columns.
        gaps: Number of features, from the first, whose cells may be empty against their rule.

    Returns:
        Shape (B, F), float64, NaN for an empty cell.

    Raises:
        DataError: If a column is missing or its name occurs more than once, or a cell breaks the
            rule of its feature; the text names the line and the column.
    """
    rows = np.column_stack([_numbers(_column(frame, each.name), each) for each in features])
    invalid = SchemaRules(features).check(rows)
    if invalid is None:
        return rows
    invalid[:, :gaps] &= ~np.isnan(rows[:, :gaps])
    if invalid.any():
        column = int(invalid.any(axis=0).argmax())
        line, feature = frame.index[int(invalid[:, column].argmax())], features[column]
        raise DataError(f"line {line}, column {feature.name!r}: {feature.rule}")
    return rows


def read_text(frame: pd.DataFrame, name: str | None) -> Array | None:
    """Read a column as an array of text, shape (B,).

    Args:
        frame: The table.
        name: Name of the column. None returns None.

    Raises:
        DataError: If the column is missing, or the name occurs more than once.
    """
    return None if name is None else as_text(_column(frame, name)).to_numpy(dtype=str)


def with_gaps(frame: pd.DataFrame, missing_values: list[str]) -> pd.DataFrame:
    """Return a table with empty cells in place of some texts.

    Args:
        frame: The table.
        missing_values: The texts.
    """
    return frame.apply(as_text).replace(missing_values, "") if missing_values else frame


def with_labels(frame: pd.DataFrame, name: str, labels: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with the cells of a column replaced.

    Args:
        frame: The table.
        name: Name of the column.
        labels: Replacements by cell. Rows whose replacement is "" are left out.

    Raises:
        DataError: If the column is missing, or the name occurs more than once.
    """
    if not labels:
        return frame
    cells = as_text(_column(frame, name))
    kept = cells.map(lambda cell: labels.get(cell) != "")
    return frame.assign(**{name: cells.map(lambda cell: labels.get(cell, cell))})[kept]


def as_text(column: "pd.Series[Any]") -> "pd.Series[str]":
    """Return a column's cells as a CSV file would have them, "" for null and NaN.

    A column of text is returned as it is.
    """
    if not isinstance(column.dtype, pd.ArrowDtype):
        return column
    try:
        codes, distinct = pd.factorize(column)
    except NotImplementedError:  # Arrow cannot compare lists or records
        codes, distinct = np.arange(len(column)), pd.Index(column)
    cells = distinct.array.__arrow_array__().to_pylist()
    texts = np.array([*map(_cell_text, cells), ""], dtype=object)  # code -1, null, is the last one
    return pd.Series(texts[codes], index=column.index, name=column.name, dtype=object)


def _cell_text(value: Any) -> str:
    """Return a cell's text; a whole number has no fraction."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    count = list(frame.columns).count(name)
    if not count:
        raise DataError(f"no column {name!r}; the columns are {', '.join(frame.columns)}")
    if count > 1:
        raise DataError(f"column {name!r} occurs {count} times: rename or remove the others")
    return frame[name]


def _numbers(column: "pd.Series[Any]", feature: Feature) -> Array:
    """Return the values of a numeric or boolean column, or parse text."""
    kinds = {"category": "", "boolean": "biuf"}.get(feature.type, "iuf")
    if column.dtype.kind in kinds:
        return column.to_numpy(dtype=float, na_value=np.nan)
    cells = as_text(column).tolist()
    numbers = _parse(cells) if feature.type in ("integer", "number") else None
    if numbers is not None:
        return numbers
    known = {text: feature.parse(text) for text in set(cells)}
    return np.fromiter(map(known.__getitem__, cells), dtype=float, count=len(cells))


def _parse(cells: list[str]) -> Array | None:
    """Parse all cells at once; None if a cell is no number, as `Feature.parse` defines it."""
    try:
        numbers = np.array([cell or "nan" for cell in cells], dtype=object).astype(float)
    except ValueError:
        return None
    # float() accepts "nan" and underscores too.
    is_strict = np.isnan(numbers).sum() == cells.count("") and "_" not in "".join(cells)
    return numbers if is_strict else None
