"""The values of a feature that explanations try."""

from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature

MIN_VALUES, MAX_VALUES = 5, 25  # of a number
ALL_VALUES: Final = 2**11  # of all features, which limits those of each


def grids_of(predictor: Predictor) -> list[Array]:
    """Return the values of each feature to try, in ascending order.

    These are all values of a category, a boolean, or an integer with at most 25 of them; of other
    numbers, 25 quantiles of the training rows that the model keeps, within the schema's range. With
    more than 80 features there are fewer values, at least 5.

    Args:
        predictor: The model.

    Returns:
        F arrays of raw values, each of at least one.
    """
    sample, fill = predictor.sample, predictor.encoder.fill
    features = predictor.schema.features
    count = min(MAX_VALUES, max(MIN_VALUES, ALL_VALUES // len(fill)))
    columns = np.sort(_ends(predictor) if sample is None else sample.rows.T)
    return [
        _grid(feature, column[~np.isnan(column)], value, count)
        for feature, column, value in zip(features, columns, fill, strict=True)
    ]


def _grid(feature: Feature, known: Array, fill: float, count: int) -> Array:
    """Return the values to try of a feature whose known values are in ascending order."""
    low, high = _or_infinite(feature.minimum, -1), _or_infinite(feature.maximum, 1)
    if feature.type == "category":
        return np.arange(len(feature.categories), dtype=float)
    if feature.type == "boolean":
        return np.array([0.0, 1.0])
    if feature.type == "integer" and np.floor(high) - np.ceil(low) < count:
        return np.arange(np.ceil(low), np.floor(high) + 1)
    values = np.clip(known if len(known) else np.array([fill]), low, high)
    places = np.rint(np.linspace(0, len(values) - 1, count)).astype(int)
    grid = values[places]
    if feature.type == "integer":
        grid = np.clip(np.rint(grid), np.ceil(grid.min()), np.floor(grid.max()))
    return np.unique(grid)


def _ends(predictor: Predictor) -> Array:
    """Return the fill value and the schema's limits of each feature, NaN for none, `(F, 3)`.

    Limits that are too large to be scaled count as none.
    """
    fill = predictor.encoder.fill
    ends = np.stack([fill] * 3, axis=1)
    for place, feature in enumerate(predictor.schema.features):
        for column, limit in enumerate((feature.minimum, feature.maximum)):
            row = fill.copy()
            row[place] = np.nan if limit is None else limit
            try:
                with np.errstate(over="ignore"):
                    predictor.encode(row[np.newaxis])
            except NetworkError:
                row[place] = np.nan
            ends[place, column] = row[place]
    return ends


def _or_infinite(limit: float | None, sign: int) -> float:
    return sign * np.inf if limit is None else limit
