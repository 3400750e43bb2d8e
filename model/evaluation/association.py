"""Association of features with groups of rows: a quick measure that chooses what to draw."""

from collections.abc import Mapping, Sequence

import numpy as np

from model.arrays import Array
from model.prediction.schema import Feature

BINS = 10  # quantiles of numbers
MAX_ROWS = 4096  # evenly spaced rows that are measured


def most_associated(
    rows: Array, groups: Mapping[str, Array], features: Sequence[Feature], count: int
) -> list[int]:
    """Return the numbers of the features that differ most between groups, the strongest first.

    All features are returned in their order if there are at most `count`.

    Args:
        rows: Raw rows, `(B, F)`.
        groups: Masks by name, `(B,)`, as `rows_by_class` makes them.
        features: The features of the rows' columns.
        count: Largest number of features.
    """
    if len(features) <= count:
        return list(range(len(features)))
    step = -(-len(rows) // MAX_ROWS) or 1
    sample, masks = rows[::step], np.stack([mask[::step] for mask in groups.values()])
    strengths = [
        association(column, masks, feature)
        for column, feature in zip(sample.T, features, strict=True)
    ]
    order = np.argsort(-np.array(strengths), kind="stable")
    return [int(number) for number in order[:count]]


def association(values: Array, masks: Array, feature: Feature) -> float:
    """Return the largest φ² between a feature and any group, from 0 to about 1.

    φ² = χ² / n of the table of values by membership in the group; numbers are counted by deciles,
    and missing values are a value. The part that chance alone is expected to give is subtracted.

    Args:
        values: Raw values of the feature, `(B,)`.
        masks: Membership in the groups, `(G, B)`.
        feature: The feature.

    Source: Bergsma 2013, "A bias-correction for Cramér's V and Tschuprow's T".
    """
    codes = _codes(values, feature)
    totals = np.bincount(codes)
    used = totals > 0
    totals = totals[used]
    phi_squared = 0.0
    for mask in masks:
        share = mask.mean()
        if 0 < share < 1:
            inside = np.bincount(codes, mask, len(used))[used]
            squares = (inside - share * totals) ** 2 / (share * (1 - share) * totals)
            phi_squared = max(phi_squared, float(squares.sum()) / len(codes))
    by_chance = (len(totals) - 1) / max(len(codes) - 1, 1)
    return max(phi_squared - by_chance, 0.0)


def _codes(values: Array, feature: Feature) -> Array:
    """Return the number of each value's bin, `(B,)`; 0 for a missing value."""
    known = ~np.isnan(values)
    codes = np.zeros(len(values), np.int64)
    if feature.type == "category":
        codes[known] = values[known].astype(np.int64) + 1
    elif known.any():
        ordered = np.sort(values[known])
        edges = np.unique(ordered[np.arange(1, BINS) * len(ordered) // BINS])
        codes[known] = np.searchsorted(edges, values[known], side="right") + 1
    return codes
