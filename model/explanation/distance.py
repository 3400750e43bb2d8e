"""The distance of a row from the training rows that a model keeps.

The distance of two rows is the mean difference of the features that both have. A difference of
numbers is counted in ranges of the middle 90 % of the rows; that of categories is 0 or 1.

Source: Gower 1971, "A general coefficient of similarity and some of its properties"
"""

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
        nearest = _nearest(self.rows, row, self.ranges)
        return 100 * float(np.searchsorted(self.usual, nearest, side="left")) / len(self.usual)


def _ranges(rows: Array, schema: Schema) -> Array:
    ranges = np.zeros(rows.shape[1])
    for place, (feature, column) in enumerate(zip(schema.features, rows.T, strict=True)):
        known = column[~np.isnan(column)]
        if feature.type in ("integer", "number") and len(known):
            low, high = np.quantile(known, [0.05, 0.95])
            ranges[place] = high - low or np.ptp(known)
    return ranges


def _nearest(rows: Array, row: Array, ranges: Array) -> float:
    """Return the distance of a row `(F,)` from the nearest of rows `(R, F)`."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        difference = np.abs(rows - row)
        difference = np.where(ranges > 0, difference / ranges, difference > 0)
    is_known = ~np.isnan(rows) & ~np.isnan(row)
    counts = is_known.sum(axis=1)
    total = np.where(is_known, difference, 0).sum(axis=1)
    return float(np.min(np.where(counts > 0, total / np.maximum(counts, 1), np.inf)))
