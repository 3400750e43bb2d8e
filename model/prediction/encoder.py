"""From raw rows to the network's inputs: the same code when it is trained and when it serves.

A raw row is numbers: a category is its place among the feature's categories, false is 0 and true 1,
NaN is missing. B rows, F features, I inputs: one for each feature, but for each category of one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from model.arrays import Array, as_matrix
from model.errors import DataError
from model.prediction.schema import Schema

# What may be done to a number before it is scaled, and what its feature's minimum must then be.
TRANSFORMS: Final[Mapping[str, tuple[Callable[[Array], Array], float, str]]] = {
    "sqrt": (np.sqrt, 0, "at least"),
    "log": (np.log, 0, "above"),
    "log1p": (np.log1p, -1, "above"),
}


@dataclass(frozen=True)
class Scale:
    """z = (x − center) / spread, each (columns,) float64."""

    center: Array
    spread: Array

    def apply(self, x: Array) -> Array:
        """Numbers (B, columns), scaled."""
        return np.asarray((x - self.center) / self.spread)

    def undo(self, z: Array) -> Array:
        """Scaled numbers (B, columns) as they were."""
        return np.asarray(z * self.spread + self.center)


@dataclass(frozen=True)
class Encoder:
    """Fill what is missing, transform, spell out categories, then z = (x − center) / spread.

    categories (F): how many each feature has, 0 for numbers. transforms (F): names, "" for none.
    fill (F,), center, spread (I,): float64.
    """

    categories: tuple[int, ...]
    transforms: tuple[str, ...]
    fill: Array
    center: Array
    spread: Array

    def encode(self, rows: Array) -> Array:
        """Raw rows (B, F), NaN where missing, as finite inputs (B, I).

        Raises NetworkError where a number is too large to be scaled.
        """
        if self._is_number is None:  # what is missing shows in the inputs: one check for both
            x = self._scaled(self._transformed(rows))
            # A count takes half the time of all().
            if np.count_nonzero(np.isfinite(x)) == x.size:
                return x
        return as_matrix("rows", self._scaled(self.expand(rows)), len(self.center), float)

    def expand(self, rows: Array) -> Array:
        """The inputs (B, I) before they are scaled; what the scaler is fitted on."""
        filled = self._transformed(np.where(np.isnan(rows), self.fill, rows))
        if self._is_number is None:
            return filled
        source, code = self.columns
        wide = filled[:, source]
        return np.where(self._is_number, wide, wide == code)

    def _scaled(self, x: Array) -> Array:
        z = np.subtract(x, self.center)
        return np.divide(z, self.spread, z)

    def _transformed(self, rows: Array) -> Array:
        """Rows with their columns transformed; themselves where there are none to be."""
        if self._transform_of_all is not None:
            return self._transform_of_all(rows)
        if not self._transforms:
            return rows
        changed = rows.copy()
        for transform, columns in self._transforms:
            changed[:, columns] = transform(changed[:, columns])
        return changed

    @cached_property
    def _transform_of_all(self) -> Callable[[Array], Array] | None:
        """The transform that every column has, if one."""
        name, *others = {*self.transforms}
        return TRANSFORMS[name][0] if name and not others else None

    @cached_property
    def _transforms(self) -> list[tuple[Callable[[Array], Array], list[int]]]:
        """Each transform, and the columns it is for."""
        return [
            (transform, [column for column, each in enumerate(self.transforms) if each == name])
            for name, (transform, _, _) in TRANSFORMS.items()
            if name in self.transforms
        ]

    @cached_property
    def _is_number(self) -> Array | None:
        """Of each input (I,), whether it stands for no category; None where none does."""
        return np.isnan(self.columns[1]) if any(self.categories) else None

    @cached_property
    def columns(self) -> tuple[Array, Array]:
        """Of each input: the feature it is of (I,), and the category it stands for, or NaN (I,)."""
        pairs = [
            (feature, code)
            for feature, count in enumerate(self.categories)
            for code in (range(count) if count else (np.nan,))
        ]
        source, code = np.array(pairs).T
        return source.astype(int), code


def inputs_of(schema: Schema) -> int:
    """How many inputs a row has."""
    return sum(len(feature.categories) or 1 for feature in schema.features)


def check_transforms(schema: Schema, transforms: tuple[str, ...]) -> None:
    """Raise DataError unless each transform is known, and defined for all its feature may be."""
    if len(transforms) != len(schema.features):
        raise DataError("there must be one transform for each feature")
    for feature, name in zip(schema.features, transforms, strict=True):
        if not name:
            continue
        if name not in TRANSFORMS:
            known = ", ".join(TRANSFORMS)
            raise DataError(f"transform of {feature.name!r} must be one of {known}, got {name!r}")
        _, bound, rule = TRANSFORMS[name]
        if feature.type not in ("integer", "number"):
            raise DataError(f"transform {name} is for numbers, not for {feature.name!r}")
        low = feature.minimum
        if low is None or low < bound or (rule == "above" and low == bound):
            needs = f"to have a minimum {rule} {bound}"
            raise DataError(f"transform {name} needs {feature.name!r} {needs}")
