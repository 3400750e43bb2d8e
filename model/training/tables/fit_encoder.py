"""Fit an encoder to rows: fill values of missing cells, and center and spread of each input.

Also fits the scale of a regression's targets.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.encoder import Encoder, Scale, inputs_of, levels_of, limits_of
from model.prediction.schema import Schema
from model.prediction.schema_rules import SchemaRules
from model.prediction.target import Regression

Fit = Callable[[Array], tuple[Array, Array]]  # inputs (B, I) to center (I,) and spread (I,)


def fit_encoder(
    rows: Array,
    schema: Schema,
    method: str,
    transforms: tuple[str, ...],
    fill: str = "median",
    *,
    intervals: int = 0,
    smooth_clip: float | None = None,
) -> Encoder:
    """Fit the encoder of raw rows.

    Inputs of categories and booleans stay 0 or 1. So does a number with one value in all rows: it
    becomes 0, and other values are shifted only.

    Args:
        rows: Raw rows, shape (B, F), NaN for a missing value.
        schema: The features.
        method: One of SCALINGS; or "range", which scales the features' minimum and maximum to 0
            and 1.
        transforms: Transform of each feature, "" for none.
        fill: "median" or "mode" of the numbers. Categories and booleans always get the mode, the
            smallest of equally frequent values.
        intervals: Number of intervals between quantiles of each number, for its piecewise-linear
            encoding.
        smooth_clip: See `Encoder`.

    Raises:
        DataError: If a feature has no value in any row, numbers that are too large, or no minimum
            or maximum for "range".
    """
    rows = _without_unknown(rows, schema)
    for name, column in zip(schema.names, rows.T, strict=True):
        if np.isnan(column).all():
            raise DataError(f"feature {name!r} has no value in any row")
    categories, limits = levels_of(schema), limits_of(schema)
    discrete = [feature.type in ("category", "boolean") for feature in schema.features]
    fills = [
        _mode(column) if fill == "mode" or is_discrete else np.nanmedian(column)
        for column, is_discrete in zip(rows.T, discrete, strict=True)
    ]
    numbers = np.array([feature.type in ("integer", "number") for feature in schema.features])
    size = inputs_of(schema)
    zeros, ones = np.zeros(size), np.ones(size)
    plain = Encoder(categories, transforms, np.array(fills), zeros, ones, limits)
    if method == "range":
        center, spread = _range(schema, plain)
    else:
        center, spread = _fit(method, _expand(plain, rows))
    source, _ = plain.columns
    center, spread = np.where(numbers[source], [center, spread], [[0], [1]])
    for column in np.flatnonzero(~(spread > 0)):
        raise DataError(
            f"feature {schema.names[source[column]]!r} has numbers that are too large to be "
            "scaled: write them in a larger unit"
        )
    encoder = replace(plain, center=center, spread=spread, smooth_clip=smooth_clip)
    return _with_intervals(encoder, _expand(plain, rows), numbers, intervals)


def _with_intervals(encoder: Encoder, inputs: Array, numbers: Array, intervals: int) -> Encoder:
    """Add inputs for intervals between quantiles, which are centered only: they are from 0 to 1.

    Args:
        encoder: The encoder without intervals.
        inputs: Inputs before scaling, `(B, I)`, NaN for missing numbers.
        numbers: Mask of the features that are numbers, `(F,)`.
        intervals: Number of intervals; 0 for none.
    """
    if not intervals or not numbers.any():
        return encoder
    source, _ = encoder.columns
    quantiles = np.nanquantile(inputs[:, numbers[source]], np.linspace(0, 1, intervals + 1), axis=0)
    edges = np.full((len(numbers), intervals + 1), np.nan)
    edges[numbers] = quantiles.T
    wide = replace(encoder, edges=edges)
    assert wide.intervals is not None
    place, *_ = wide.intervals
    size = len(wide.columns[0])
    center, spread = np.full(size, 0.5), np.ones(size)
    others = np.setdiff1d(np.arange(size), place)
    center[others], spread[others] = encoder.center, encoder.spread
    return replace(wide, center=center, spread=spread)


def fit_target_scale(targets: Array, target: Regression, method: str) -> Scale:
    """Fit the scale of a regression's targets.

    Targets of task non_negative are not centered, so 0 stays 0: the lowest output of their network.

    Args:
        targets: Shape (B, outputs).
        target: The target.
        method: "standard" or "none".

    Raises:
        DataError: The targets are too large.
    """
    if method == "none":
        return Scale(np.zeros(targets.shape[1]), np.ones(targets.shape[1]))
    scale = standard_scale(targets)
    if np.isnan(scale.spread).any():
        name = target.names[int(np.isnan(scale.spread).argmax())]
        raise DataError(f"target {name!r} has numbers too large to be scaled: divide them")
    return replace(scale, center=scale.center * (target.task == "regression"))


def standard_scale(columns: Array) -> Scale:
    """Return the scale to mean 0 and standard deviation 1; 1 is the spread of a constant column.

    Args:
        columns: Numbers of any size, `(B, columns)`. The spread is NaN if they are too large.
    """
    return Scale(*_fit("standard", columns))


def _without_unknown(rows: Array, schema: Schema) -> Array:
    """Return rows with NaN for unknown categories, which replace no missing value."""
    is_open = np.array([feature.unseen == "other" for feature in schema.features])
    if not is_open.any():
        return rows
    return np.where(SchemaRules(schema.features).outside(rows) & is_open, np.nan, rows)


def _expand(unscaled: Encoder, rows: Array) -> Array:
    """Return the inputs with NaN for missing numbers, so that fill values do not affect the fit."""
    inputs = unscaled.expand(rows)
    if not any(unscaled.categories):
        inputs[np.isnan(rows)] = np.nan
        return inputs
    source, _ = unscaled.columns
    inputs[np.isnan(rows)[:, source]] = np.nan
    return inputs


def _range(schema: Schema, unscaled: Encoder) -> tuple[Array, Array]:
    """Scale the schema's range to 0 … 1. Nothing is fitted, so no row can leak."""
    bounds = np.zeros((2, len(schema.features)))
    for column, feature in enumerate(schema.features):
        if feature.type in ("integer", "number"):
            if feature.minimum is None or feature.maximum is None:
                raise DataError(f"scaling by range needs a minimum and maximum of {feature.name!r}")
            bounds[:, column] = feature.minimum, feature.maximum
    low, high = unscaled.expand(bounds)
    return low, high - low


def _fit(method: str, inputs: Array) -> tuple[Array, Array]:
    """Return center and spread of inputs (B, I), as `SCALINGS` does, with a spread for any input.

    Where the method finds no spread, it is the standard deviation, and 1 for an input with one
    value. It is NaN for numbers that are too large.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        center, spread = SCALINGS[method](inputs)
        lost = ~(np.isfinite(center) & np.isfinite(spread) & (spread > 0))
        if lost.any():
            # In a unit of the largest number, squares neither overflow nor vanish.
            unit = np.nanmax(np.abs(inputs[:, lost]), axis=0)
            unit[unit == 0] = 1
            scaled = inputs[:, lost] / unit
            middle, width = SCALINGS[method](scaled)
            width = np.where(width > 0, width, np.nanstd(scaled, axis=0))
            center[lost], spread[lost] = middle * unit, width * unit
    spread[np.nanmin(inputs, axis=0) == np.nanmax(inputs, axis=0)] = 1
    spread[~(np.isfinite(center) & np.isfinite(spread))] = np.nan
    return center, spread


def _min_max(inputs: Array) -> tuple[Array, Array]:
    """Scale the observed range to 0 … 1."""
    low, high = np.nanmin(inputs, axis=0), np.nanmax(inputs, axis=0)
    return low, high - low


def _standard(inputs: Array) -> tuple[Array, Array]:
    """Scale to mean 0 and standard deviation 1."""
    return np.nanmean(inputs, axis=0), np.nanstd(inputs, axis=0)


def _robust(inputs: Array) -> tuple[Array, Array]:
    """Scale to median 0 and interquartile range 1; outliers have no effect.

    Where more than half of the values are equal, half of the range stands for the quartiles.
    """
    low, middle, high = np.nanquantile(inputs, [0.25, 0.5, 0.75], axis=0)
    half = (np.nanmax(inputs, axis=0) - np.nanmin(inputs, axis=0)) / 2
    return middle, np.where(high > low, high - low, half)


def _none(inputs: Array) -> tuple[Array, Array]:
    """Leave the inputs unscaled."""
    return np.zeros(inputs.shape[1]), np.ones(inputs.shape[1])


SCALINGS: Final[Mapping[str, Fit]] = {
    "min-max": _min_max,
    "standard": _standard,
    "robust": _robust,
    "none": _none,
}


def _mode(column: Array) -> float:
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return float(values[counts.argmax()])
