"""A table's columns: found by name, and read as a feature's numbers."""

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.schema import Feature


def values(frame: pd.DataFrame, name: str) -> "pd.Series[str]":
    """The column of this name. Raises DataError where there is none, or more than one."""
    found = list(frame.columns).count(name)
    if not found:
        raise DataError(f"no column {name!r}; it has {', '.join(frame.columns)}")
    if found > 1:
        raise DataError(f"column {name!r} is there {found} times")
    return frame[name]


def read_column(frame: pd.DataFrame, feature: Feature) -> Array:
    """A feature's numbers, NaN for an empty cell; each text is read once."""
    texts = values(frame, feature.name)
    known: dict[str, float] = {}
    for text in texts.unique():
        try:
            known[text] = feature.read(text)
        except ValueError as error:
            line = frame.index[(texts == text).to_numpy().argmax()]
            raise DataError(f"line {line}, column {feature.name!r}: {error}") from None
    return np.array(texts.map(known), dtype=float)
