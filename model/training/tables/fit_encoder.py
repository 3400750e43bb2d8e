"""Fit an encoder to rows: fill values of missing cells, and center and spread of each input.

Also fits the scale of a regression's targets.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.encoder import Encoder, Scale, levels_of, limits_of
from model.prediction.schema import Schema
from model.prediction.schema_rules import SchemaRules
from model.prediction.target import Regression

Fit = Callable[[Array], tuple[Array, Array]]  # inputs (B, I) to center (I,) and spread (I,)


def fit_encoder(
    rows: Array, schema: Schema, method: str, transforms: tuple[str, ...], fill: str = "median"
) -> Encoder:
    """Fit the encoder of raw rows.

    Inputs of categories and booleans stay 0 or 1.

    Args:
        rows: Raw rows, shape (B, F), NaN for a missing value.
        schema: The features.
        method: One of SCALINGS; or "range", which scales the features' minimum and maximum to 0
            and 1.
        transforms: Transform of each feature, "" for none.
        fill: "median" or "mode" of the numbers. Categories and booleans always get the mode, the
            smallest of equally frequent values.

    Raises:
        DataError: If a feature has no value in any row, the same value in every row, or no minimum
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
    size = sum(count or 1 for count in categories)
    unscaled = Encoder(
        categories, transforms, np.array(fills), np.zeros(size), np.ones(size), limits
    )
    if method == "range":
        center, spread = _range(schema, unscaled)
    else:
        center, spread = SCALINGS[method](_expand(unscaled, rows))
    end = 0
    for name, count, is_discrete in zip(schema.names, categories, discrete, strict=True):
        inputs = slice(end, end := end + (count or 1))
        if is_discrete:
            center[inputs], spread[inputs] = 0, 1
        elif not (spread[inputs] > 0).all():
            raise DataError(
                f"feature {name!r} has the same value in every row to be scaled: remove it, or "
                'use scaling.method "range" or "none"'
            )
    return Encoder(categories, transforms, unscaled.fill, center, spread, limits)


def fit_numbers(rows: Array, method: str) -> Encoder:
    """Fit the encoder of columns of numbers without a schema; any column will do.

    A column without a value is filled with 0. Where the method finds no spread, the standard
    deviation is used, and 1 for a column with the same value in every row.

    Args:
        rows: Raw rows, shape (B, F), NaN for a missing value.
        method: One of SCALINGS.
    """
    values = np.where(np.isnan(rows).all(axis=0), 0.0, rows)
    center, spread = SCALINGS[method](values)
    spread = np.where(spread > 0, spread, np.nanstd(values, axis=0))
    spread[np.nanmin(values, axis=0) == np.nanmax(values, axis=0)] = 1
    none, size = ("",) * values.shape[1], (0,) * values.shape[1]
    return Encoder(size, none, np.nanmedian(values, axis=0), center, spread)


def fit_target_scale(targets: Array, target: Regression, method: str) -> Scale:
    """Fit the scale of a regression's targets.

    Targets of task non_negative are not centered, so 0 stays 0: the lowest output of their network.

    Args:
        targets: Shape (B, outputs).
        target: The target.
        method: "standard" or "none".
    """
    if method == "none":
        return Scale(np.zeros(targets.shape[1]), np.ones(targets.shape[1]))
    mean = targets.mean(axis=0) * (target.task == "regression")
    return Scale(mean, targets.std(axis=0))


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


def _min_max(inputs: Array) -> tuple[Array, Array]:
    """Scale the observed range to 0 … 1."""
    low, high = np.nanmin(inputs, axis=0), np.nanmax(inputs, axis=0)
    return low, high - low


def _standard(inputs: Array) -> tuple[Array, Array]:
    """Scale to mean 0 and standard deviation 1."""
    return np.nanmean(inputs, axis=0), np.nanstd(inputs, axis=0)


def _robust(inputs: Array) -> tuple[Array, Array]:
    """Scale to median 0 and interquartile range 1; outliers have no effect."""
    low, middle, high = np.nanquantile(inputs, [0.25, 0.5, 0.75], axis=0)
    return middle, high - low


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
