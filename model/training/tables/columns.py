"""A table's columns by name: as text, or as the numbers that a feature reads in them."""

from typing import Any

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.schema import Feature
from model.training.tables.readers import spelled


def values(frame: pd.DataFrame, name: str) -> "pd.Series[str]":
    """A column as text. Raises DataError unless it is there, once."""
    return spelled(_column(frame, name))


def texts(frame: pd.DataFrame, name: str | None) -> Array | None:
    """A column (B,) as NumPy's text; None has none."""
    return None if name is None else values(frame, name).to_numpy(dtype=str)


def read_column(frame: pd.DataFrame, feature: Feature) -> Array:
    """A feature's numbers (B,) float64, NaN for an empty cell.

    Raises DataError naming the line and the column of the first that `Feature.read` refuses.
    """
    column = _column(frame, feature.name)
    numbers = _numbers(column, feature)
    if numbers is not None and _all_keep(numbers, feature):
        return numbers
    return _read_texts(spelled(column), feature)


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    found = list(frame.columns).count(name)
    if not found:
        raise DataError(f"no column {name!r}; it has {', '.join(frame.columns)}")
    if found > 1:
        raise DataError(f"column {name!r} is there {found} times")
    return frame[name]


def _numbers(column: "pd.Series[Any]", feature: Feature) -> Array | None:
    """What a column of numbers or truths holds; None where only its texts can tell."""
    kind = column.dtype.kind
    takes_truths = feature.type == "boolean"
    if feature.type == "category" or kind not in "biuf" or (kind == "b" and not takes_truths):
        return None
    return column.to_numpy(dtype=float, na_value=np.nan)


def _all_keep(numbers: Array, feature: Feature) -> bool:
    """`Feature.accepts` of all that are not missing."""
    present = numbers[~np.isnan(numbers)]
    if feature.type == "boolean":
        return bool(np.isin(present, (0, 1)).all())
    return bool(
        np.isfinite(present).all()
        and (feature.type == "number" or (present == np.floor(present)).all())
        and (feature.minimum is None or (present >= feature.minimum).all())
        and (feature.maximum is None or (present <= feature.maximum).all())
    )


def _read_texts(column: "pd.Series[str]", feature: Feature) -> Array:
    """Each text is read once."""
    cells = column.tolist()
    distinct = list(dict.fromkeys(cells))
    numbers = _parsed(distinct)
    if (
        feature.type in ("category", "boolean")
        or numbers is None
        or not _all_keep(numbers, feature)
    ):
        numbers = np.empty(len(distinct))
        for place, text in enumerate(distinct):
            try:
                numbers[place] = feature.read(text)
            except ValueError as error:
                line = column.index[cells.index(text)]
                raise DataError(f"line {line}, column {feature.name!r}: {error}") from None
    known = dict(zip(distinct, numbers.tolist(), strict=True))
    return np.fromiter(map(known.__getitem__, cells), dtype=float, count=len(cells))


def _parsed(distinct: list[str]) -> Array | None:
    """All as Python reads numbers; None where one is none, or one that `Feature.read` refuses."""
    if "_" in "".join(distinct):
        return None
    try:
        numbers = np.array([text or "nan" for text in distinct], dtype=object).astype(float)
    except ValueError:
        return None
    return numbers if np.isnan(numbers).sum() == ("" in distinct) else None
