"""Encoding of raw rows as network inputs; training and serving use the same code.

A raw row consists of numbers: the index of a category, 0 for false and 1 for true, NaN for a
missing value. Shapes: B rows, F features, I inputs. A categorical feature has one input for each
of its levels; every other feature has one input. A number may have further inputs, its
piecewise-linear encoding: its position in each of several intervals, 0 below and 1 above.

Sources: Gorishniy et al., "On embeddings for numerical features in tabular deep learning", 2022,
§3.2, https://arxiv.org/abs/2203.05556 (piecewise-linear encoding); Holzmüller et al., "Better by
default", 2024, §3, https://arxiv.org/abs/2407.04491 (robust scaling and smooth clipping)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from model.arrays import Array, as_matrix
from model.errors import DataError
from model.prediction.schema import Schema
from model.prediction.schema_rules import SchemaRules

# By name: a function applied before scaling, and the minimum that its feature must have.
TRANSFORMS: Final[Mapping[str, tuple[Callable[[Array], Array], float, str]]] = {
    "sqrt": (np.sqrt, 0, "at least"),
    "log": (np.log, 0, "above"),
    "log1p": (np.log1p, -1, "above"),
}


MAX_RATIO: Final = 1e150  # of a scaled number and the limit of smooth clipping


@dataclass(frozen=True)
class Scale:
    """An affine scaling of columns: z = (x − center) / spread.

    Attributes:
        center: `(columns,)`, float64.
        spread: `(columns,)`, float64, not 0.
    """

    center: Array
    spread: Array

    def apply(self, x: Array) -> Array:
        """Scale values `(B, columns)`."""
        return np.asarray((x - self.center) / self.spread)

    def undo(self, z: Array) -> Array:
        """Return scaled values `(B, columns)` to their original scale."""
        return np.asarray(z * self.spread + self.center)


@dataclass(frozen=True)
class Encoder:
    """Impute, clip, transform, one-hot encode, then scale: z = (x − center) / spread.

    With smooth clipping, inputs that are not of a category become z / √(1 + (z / c)²), which is z
    near 0 and at most c in size, so an outlier cannot dominate.

    Attributes:
        categories: The number of levels of each category feature, 0 for other types, `(F,)`.
        transforms: The name of each feature's transform, "" for none, `(F,)`.
        fill: Values that replace missing ones, `(F,)`, float64.
        center: Centers of the inputs, `(I,)`, float64.
        spread: Spreads of the inputs, `(I,)`, float64, not 0.
        limits: Smallest and largest number of each feature, `(F,)`, beyond which numbers are
            clipped; None where none are.
        edges: Ends of each feature's intervals after its transform, in ascending order,
            `(F, intervals + 1)`, float64; NaN for a feature without intervals. None without any.
        smooth_clip: c, above 0; None for no clipping.
    """

    categories: tuple[int, ...]
    transforms: tuple[str, ...]
    fill: Array
    center: Array
    spread: Array
    limits: tuple[Array, Array] | None = None
    edges: Array | None = None
    smooth_clip: float | None = None

    def encode(self, rows: Array) -> Array:
        """Encode raw rows `(B, F)`, NaN where missing, as finite inputs `(B, I)`.

        Raises:
            NetworkError: A value is too large to be scaled.
        """
        if self._is_affine:  # NaN propagates to the inputs: one check finds both
            x = self._scaled(self._transformed(self._clipped(rows)))
            # count_nonzero takes half the time of all().
            if np.count_nonzero(np.isfinite(x)) == x.size:
                return x
        x = as_matrix("rows", self._scaled(self.expand(rows)), len(self.center), float)
        if self.smooth_clip is not None:
            limit = self.smooth_clip * MAX_RATIO  # beyond it, the square of z / c would overflow
            z = np.where(self._is_number, np.clip(x, -limit, limit), 0)
            x = np.where(self._is_number, z / np.sqrt(1 + np.square(z / self.smooth_clip)), x)
        return x

    def expand(self, rows: Array) -> Array:
        """Return the inputs `(B, I)` of raw rows before scaling; the scaler is fitted on them."""
        filled = self._transformed(self._clipped(np.where(np.isnan(rows), self.fill, rows)))
        source, code = self.columns
        if len(source) == len(self.categories) and not any(self.categories):
            return filled
        wide = filled[:, source]
        inputs = np.where(np.isnan(code), wide, wide == code)
        if self.intervals is not None:
            place, low, width = self.intervals
            with np.errstate(over="ignore"):
                inputs[:, place] = np.clip((wide[:, place] - low) / width, 0, 1)
        return inputs

    def _scaled(self, x: Array) -> Array:
        z = np.subtract(x, self.center)
        return np.divide(z, self.spread, z)

    def _clipped(self, rows: Array) -> Array:
        """Return rows with numbers between the limits; NaN stays NaN."""
        if self.limits is None:
            return rows
        low, high = self.limits
        clipped = np.maximum(rows, low)
        return np.asarray(np.minimum(clipped, high, out=clipped))

    def _transformed(self, rows: Array) -> Array:
        """Transform the columns of rows; without transforms, return `rows` itself."""
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
        """The transform that all columns share, or None."""
        name, *others = {*self.transforms}
        return TRANSFORMS[name][0] if name and not others else None

    @cached_property
    def _transforms(self) -> list[tuple[Callable[[Array], Array], list[int]]]:
        """Each transform with its columns."""
        return [
            (transform, [column for column, used in enumerate(self.transforms) if used == name])
            for name, (transform, _, _) in TRANSFORMS.items()
            if name in self.transforms
        ]

    @cached_property
    def _is_affine(self) -> bool:
        """Whether each input is an affine function of a feature after its transform."""
        return not any(self.categories) and self.edges is None and self.smooth_clip is None

    @cached_property
    def _is_number(self) -> Array:
        """Mask `(I,)` of the inputs that are not of a category."""
        return np.isnan(self.columns[1])

    @cached_property
    def intervals(self) -> tuple[Array, Array, Array] | None:
        """Place, lower end and width of the inputs of intervals, `(P,)` each; None without any.

        An interval between equal ends has an infinite width, so its input is 0.
        """
        if self.edges is None:
            return None
        source, _ = self.columns
        place = np.flatnonzero(np.diff(source, prepend=-1) == 0)  # a feature's first input is it
        place = place[[not self.categories[feature] for feature in source[place]]]
        ends = self.edges[~np.isnan(self.edges[:, 0])]
        width = np.diff(ends).ravel()
        return place, ends[:, :-1].ravel(), np.where(width > 0, width, np.inf)

    @cached_property
    def columns(self) -> tuple[Array, Array]:
        """Feature index `(I,)` of each input, and the code of its category or NaN `(I,)`."""
        sizes = [0] * len(self.categories)
        if self.edges is not None:
            sizes = (~np.isnan(self.edges[:, 1:])).sum(axis=1).tolist()
        pairs = [
            (feature, code)
            for feature, (count, intervals) in enumerate(zip(self.categories, sizes, strict=True))
            for code in (range(count) if count else (np.nan,) * (1 + intervals))
        ]
        source, code = np.array(pairs).T
        return source.astype(int), code


def inputs_of(schema: Schema, intervals: int = 0) -> int:
    """Return the number of network inputs of one row.

    Args:
        schema: The model's schema.
        intervals: Number of intervals of each number.
    """
    numbers = sum(feature.type in ("integer", "number") for feature in schema.features)
    return intervals * numbers + sum(count or 1 for count in levels_of(schema))


def monotone_inputs(schema: Schema, intervals: int = 0) -> list[int]:
    """Return the direction of each input: 1 for up, −1 for down, 0 for free.

    Args:
        schema: The model's schema.
        intervals: Number of intervals of each number.
    """
    directions: list[int] = []
    for feature, levels in zip(schema.features, levels_of(schema), strict=True):
        is_number = feature.type in ("integer", "number")
        count = 1 + intervals if is_number else levels or 1
        directions += [{"up": 1, "down": -1}.get(feature.monotone or "", 0)] * count
    return directions


def levels_of(schema: Schema) -> tuple[int, ...]:
    """Return the number of levels of each category feature, 0 for other types."""
    return tuple(len(feature.category_levels) for feature in schema.features)


def limits_of(schema: Schema) -> tuple[Array, Array] | None:
    """Return the limits of clipped numbers, as `Encoder` has them.

    Args:
        schema: The model's schema.
    """
    is_clipped = [feature.out_of_range == "clip" for feature in schema.features]
    if not any(is_clipped):
        return None
    rules = SchemaRules(schema.features)
    return np.where(is_clipped, rules.low[0], -np.inf), np.where(is_clipped, rules.high[0], np.inf)


def check_transforms(schema: Schema, transforms: tuple[str, ...]) -> None:
    """Check that each transform is known, and defined for all values of its feature.

    Args:
        schema: The model's schema.
        transforms: The name of each feature's transform, "" for none.

    Raises:
        DataError: A transform is unknown, or its feature has no sufficient minimum.
    """
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
