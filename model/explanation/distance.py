"""The distance of a row from the training rows that a model keeps.

The distance of two rows is the mean difference of the features that both have. A difference of
numbers is counted in ranges of the middle 90 % of the rows; that of categories is 0 or 1.

Source: Gower 1971, "A general coefficient of similarity and some of its properties"
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from model.arrays import Array
from model.explanation.parts import Parts
from model.prediction.predictor import Predictor
from model.prediction.schema import Schema

UNLIKE_PERCENTILE: Final = 99.0  # beyond it, a row is unlike the training rows
PART_NUMBERS: Final = 2**20  # differences in a part
MAX_NUMBERS: Final = 2**26  # differences to rank a distance


@dataclass(frozen=True)
class TrainingDistance:
    """Distances from kept training rows.

    Attributes:
        rows: The kept rows, `(R, F)`, NaN for a missing value.
        ranges: Range of the middle 90 % of each number, 0 for a category or boolean, `(F,)`.
        usual: Distance of kept rows to the nearest other one, in ascending order.
    """

    rows: Array
    ranges: Array
    usual: Array

    @classmethod
    def of(cls, predictor: Predictor) -> Parts[Self | None]:
        """Rank the distances of the rows that a model keeps.

        Args:
            predictor: The model.

        Returns:
            The distances; None for a model that keeps fewer than two rows.
        """
        if predictor.sample is None or len(predictor.sample.rows) < 2:
            return None
        rows = predictor.sample.rows
        ranges = _ranges(rows, predictor.schema)
        ranked = rows[: max(100, MAX_NUMBERS // rows.size)]
        size = max(1, PART_NUMBERS // rows.size)
        usual = []
        for start in range(0, len(ranked), size):
            for place, row in enumerate(ranked[start : start + size], start):
                usual.append(_nearest(np.delete(rows, place, axis=0), row, ranges))
            yield
        return cls(rows, ranges, np.sort(usual))

    def percentile(self, row: Array) -> float:
        """Return the share of kept rows that are nearer to another one than a row is, in percent.

        Args:
            row: Raw values, `(F,)`, NaN for a missing value.
        """
        return self.rank(_nearest(self.rows, row, self.ranges))

    def rank(self, nearest: float) -> float:
        """Return the share of kept rows that are nearer to another one than a distance, in percent.

        Args:
            nearest: Distance of a row from its nearest kept row.
        """
        return 100 * float(np.searchsorted(self.usual, nearest, side="left")) / len(self.usual)


def _ranges(rows: Array, schema: Schema) -> Array:
    ranges = np.zeros(rows.shape[1])
    for place, (feature, column) in enumerate(zip(schema.features, rows.T, strict=True)):
        known = column[~np.isnan(column)]
        if feature.type in ("integer", "number") and len(known):
            low, high = np.quantile(known, [0.05, 0.95])
            ranges[place] = high - low or np.ptp(known)
    return ranges


class ChangedRow:
    """Distances of a row with some of its values changed, without repeating those of the others.

    Args:
        distance: Distances from the kept rows.
        row: The unchanged raw row, `(F,)`.
    """

    def __init__(self, distance: TrainingDistance, row: Array) -> None:
        self._distance = distance
        self._differences = _differences(distance.rows, row, distance.ranges)

    def percentile(self, features: Sequence[int], values: Array) -> float:
        """Return the percentile of the changed row, see `TrainingDistance.percentile`.

        Args:
            features: Numbers of the changed features.
            values: Their raw values.
        """
        distance, columns = self._distance, list(features)
        kept = self._differences[:, columns].copy()
        ranges, rows = distance.ranges[columns], distance.rows[:, columns]
        self._differences[:, columns] = _differences(rows, values, ranges)
        nearest = _smallest_mean(self._differences)
        self._differences[:, columns] = kept
        return distance.rank(nearest)


def _nearest(rows: Array, row: Array, ranges: Array) -> float:
    """Return the distance of a row `(F,)` from the nearest of rows `(R, F)`."""
    return _smallest_mean(_differences(rows, row, ranges))


def _differences(rows: Array, row: Array, ranges: Array) -> Array:
    """Return the differences of a row `(F,)` from rows `(R, F)`, NaN where a value is missing."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        difference = np.abs(rows - row)
        apart = np.where(ranges > 0, difference / ranges, difference > 0)
    return np.where(np.isnan(difference), np.nan, apart)


def _smallest_mean(differences: Array) -> float:
    """Return the smallest mean of rows `(R, F)` of known differences; infinite if none is known."""
    is_known = ~np.isnan(differences)
    counts = is_known.sum(axis=1)
    total = np.where(is_known, differences, 0).sum(axis=1)
    return float(np.min(np.where(counts > 0, total / np.maximum(counts, 1), np.inf)))
