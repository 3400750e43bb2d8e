"""From raw rows to the network's inputs: fill what is missing, then scale each feature."""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.errors import DataError


@dataclass(frozen=True)
class Scaler:
    """An affine map per feature, z = (x − center) / spread, and the fill for missing values.

    center, spread, fill: (features,) float64; a NaN in x is replaced by its feature's fill first.
    """

    center: Array
    spread: Array
    fill: Array

    def transform(self, rows: Array) -> Array:
        """Raw rows (B, features), NaN where missing, as finite inputs of the same shape."""
        rows = np.where(np.isnan(rows), self.fill, rows)
        return np.asarray((rows - self.center) / self.spread)


def fit_min_max(rows: Array, names: tuple[str, ...]) -> Scaler:
    """The scaler that maps each feature's observed range onto [0, 1]; the fill is the median.

    rows: (B, features), NaN where missing. Raises DataError for a feature without any spread.
    """
    minimum, maximum = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    for name, low, high in zip(names, minimum, maximum, strict=True):
        if not high > low:
            raise DataError(f"feature {name!r} has the same value in every row to be scaled")
    return Scaler(center=minimum, spread=maximum - minimum, fill=np.nanmedian(rows, axis=0))
