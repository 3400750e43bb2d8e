"""Fit an encoder to rows: what fills a missing value, and the range or spread of each input.

And the scale of a regression's targets.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.encoder import Encoder, Scale
from model.prediction.schema import Schema
from model.prediction.target import Regression

Fit = Callable[[Array], tuple[Array, Array]]  # of inputs (B, I), to center (I,) and spread (I,)


def fit_encoder(
    rows: Array, schema: Schema, method: str, transforms: tuple[str, ...], fill: str = "median"
) -> Encoder:
    """The encoder of these raw rows (B, F), NaN where missing.

    method: one of SCALINGS, or "range": by the features' minimum and maximum. Categories and truths
    stay 0 or 1. fill: "median" or "mode" of the numbers; of categories and truths always the mode,
    the first of equally frequent ones.
    Raises DataError for a feature without values, or without any spread.
    """
    for name, column in zip(schema.names, rows.T, strict=True):
        if np.isnan(column).all():
            raise DataError(f"feature {name!r} has no value in any row")
    categories = tuple(len(feature.categories) for feature in schema.features)
    discrete = [feature.type in ("category", "boolean") for feature in schema.features]
    fills = [
        _mode(column) if fill == "mode" or is_discrete else np.nanmedian(column)
        for column, is_discrete in zip(rows.T, discrete, strict=True)
    ]
    size = sum(count or 1 for count in categories)
    plain = Encoder(categories, transforms, np.array(fills), np.zeros(size), np.ones(size))
    if method == "range":
        center, spread = _ranges(schema, plain)
    else:
        center, spread = SCALINGS[method](_expanded(plain, rows))
    at = 0
    for name, count, is_discrete in zip(schema.names, categories, discrete, strict=True):
        part = slice(at, at := at + (count or 1))
        if is_discrete:
            center[part], spread[part] = 0, 1
        elif not (spread[part] > 0).all():
            raise DataError(f"feature {name!r} has the same value in every row to be scaled")
    return Encoder(categories, transforms, plain.fill, center, spread)


def fit_target_scale(targets: Array, target: Regression, method: str) -> Scale:
    """The scale of a regression's targets (B, outputs): "standard" or "none".

    Ones that are never negative keep their zero, which is where their network's output ends.
    """
    if method == "none":
        return Scale(np.zeros(targets.shape[1]), np.ones(targets.shape[1]))
    mean = targets.mean(axis=0) * (target.task == "regression")
    return Scale(mean, targets.std(axis=0))


def _expanded(plain: Encoder, rows: Array) -> Array:
    """The inputs, NaN again where a number is missing: it has no say in its feature's range."""
    inputs = plain.expand(rows)
    if not any(plain.categories):
        inputs[np.isnan(rows)] = np.nan
        return inputs
    source, _ = plain.columns
    inputs[np.isnan(rows)[:, source]] = np.nan
    return inputs


def _ranges(schema: Schema, plain: Encoder) -> tuple[Array, Array]:
    """What the schema allows onto [0, 1]: nothing is fitted, so no row can leak."""
    bounds = np.zeros((2, len(schema.features)))
    for column, feature in enumerate(schema.features):
        if feature.type in ("integer", "number"):
            if feature.minimum is None or feature.maximum is None:
                raise DataError(f"scaling by range needs a minimum and maximum of {feature.name!r}")
            bounds[:, column] = feature.minimum, feature.maximum
    low, high = plain.expand(bounds)
    return low, high - low


def _min_max(inputs: Array) -> tuple[Array, Array]:
    """The observed range onto [0, 1]."""
    low, high = np.nanmin(inputs, axis=0), np.nanmax(inputs, axis=0)
    return low, high - low


def _standard(inputs: Array) -> tuple[Array, Array]:
    """Mean 0 and standard deviation 1."""
    return np.nanmean(inputs, axis=0), np.nanstd(inputs, axis=0)


def _robust(inputs: Array) -> tuple[Array, Array]:
    """Median 0, and 1 from the first quartile to the third: outliers do not matter."""
    low, middle, high = np.nanquantile(inputs, [0.25, 0.5, 0.75], axis=0)
    return middle, high - low


def _none(inputs: Array) -> tuple[Array, Array]:
    """As they are."""
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
