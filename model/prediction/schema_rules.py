"""Rules for the values of features: the only check of a raw value against a schema."""

from collections.abc import Sequence
from operator import contains

import numpy as np

from model.arrays import Array
from model.prediction.cells import missing_numbers
from model.prediction.schema import Feature

MAX_USUAL_FEATURES = 64
_LARGEST = np.finfo(np.float64).max


class SchemaRules:
    """Type, range and missing-value rules of features, as one vectorized check.

    Args:
        features: F features, in the order of the columns.
        missing_values: Texts that are read as missing (see `Schema`), here the numbers among them.

    Attributes:
        low: Smallest value in the range of each feature, `(1, F)` float64, finite.
        high: Largest value in the range of each feature, `(1, F)` float64, finite.
    """

    def __init__(self, features: Sequence[Feature], missing_values: tuple[str, ...] = ()) -> None:
        self.low, self.high = np.array([[bounds(each) for each in features]]).transpose(2, 0, 1)
        fractional = np.array([[each.type == "number" for each in features]])
        self._fractional = fractional if fractional.any() else None
        self._optional = np.array([each.may_be_missing for each in features])
        # The bounds of accepted values; None where those outside of low and high are invalid.
        is_open = any(_outer_bounds(each) != bounds(each) for each in features)
        outer = np.array([[_outer_bounds(each) for each in features]]).transpose(2, 0, 1)
        self._outer = outer if is_open else None
        self._usual = self._find_usual()
        self._missing = [*missing_numbers(missing_values)]
        self._numeric = np.array([each.type in ("integer", "number") for each in features])

    def with_gaps(self, values: Array) -> Array:
        """Return values with NaN in place of the numbers that are read as missing.

        Args:
            values: Raw values, `(B, F)` float64.
        """
        if not self._missing:
            return values
        return np.where(np.isin(values, self._missing) & self._numeric, np.nan, values)

    def check(self, values: Array) -> Array | None:
        """Find the values that break the rule of their feature.

        Args:
            values: Raw values, `(B, F)` float64: NaN where missing, infinite where a cell is no
                value of the feature.

        Returns:
            Mask of the invalid values, `(B, F)` bool; None if all are present, known and in range.
        """
        if len(values) == 1 and all(map(contains, self._usual, values[0].tolist())):
            return None
        nearest = self._nearest(values, self.low, self.high)
        if nearest.tobytes() == values.tobytes():  # faster than comparing numbers
            return None
        if self._outer is not None:
            nearest = self._nearest(values, *self._outer)
        return np.asarray((nearest != values) & ~(np.isnan(values) & self._optional))

    def outside(self, values: Array) -> Array:
        """Find the valid values that are unknown categories, or are clipped.

        Args:
            values: Raw values, `(B, F)` float64, NaN where missing.

        Returns:
            Mask, `(B, F)` bool.
        """
        return np.asarray((values < self.low) | (values > self.high))

    def _nearest(self, values: Array, low: Array, high: Array) -> Array:
        """Return the nearest values of the features' types between bounds."""
        nearest = np.rint(values)
        if self._fractional is not None:
            np.copyto(nearest, values, where=self._fractional)
        np.fmax(nearest, low, nearest)  # for a missing value, the bound
        return np.asarray(np.fmin(nearest, high, nearest))

    def _find_usual(self) -> list[frozenset[float]]:
        """Return the integers from 0 to 255 in the range of each of up to 64 features.

        Most single rows consist of such values. Looking them up takes half the time of a check.
        """
        features = len(self._optional)
        if features > MAX_USUAL_FEATURES:
            return [frozenset()] * features
        candidates = np.arange(256.0)
        usual = ~self.outside(np.repeat(candidates[:, np.newaxis], features, axis=1))
        return [frozenset(candidates[column].tolist()) for column in usual.T]


def bounds(feature: Feature) -> tuple[float, float]:
    """Return the smallest and the largest raw value, both finite."""
    if feature.type == "boolean":
        return 0, 1
    if feature.type == "category":
        return 0, len(feature.categories) - 1
    low = -_LARGEST if feature.minimum is None else feature.minimum
    high = _LARGEST if feature.maximum is None else feature.maximum
    return (low, high) if feature.type == "number" else (float(np.ceil(low)), float(np.floor(high)))


def _outer_bounds(feature: Feature) -> tuple[float, float]:
    """Return the smallest and the largest raw value that is accepted, both finite."""
    if feature.out_of_range == "clip":
        return -_LARGEST, _LARGEST
    return (0, len(feature.category_levels) - 1) if feature.type == "category" else bounds(feature)
