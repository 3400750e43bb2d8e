"""95 % bootstrap intervals of any statistics and curves."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from model.arrays import Array

DRAWS = 1000
SEED = 0
TAIL = 0.025  # probability beyond each end

Statistics = Callable[[Array, Array], Mapping[str, Any]]


def grouped_bootstrap(
    statistics: Statistics, truth: Array, predictions: Array, groups: Array | None = None
) -> dict[str, Any]:
    """Return percentile bootstrap intervals of statistics, from resamples of whole groups.

    There are 1000 resamples from a fixed seed; each draws as many groups as there are, with
    replacement. A resample for which a statistic is None counts as beyond both ends.

    Args:
        statistics: Computes statistics by name from targets and predictions; a statistic is a
            number, an array, as of a curve on a grid, or None.
        truth: Targets, `(B, ...)`.
        predictions: Predictions, `(B, ...)`.
        groups: Group of each row, such as a patient, `(B,)`; each row is a group by default.

    Returns:
        Lower and upper end of each statistic. None where the statistic of the rows is None, where
        too many resamples have none, and where there is one group only.

    Source: Efron and Tibshirani 1993, §13; Field and Welsh 2007.
    """
    rows = len(truth)
    codes = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    observed = statistics(truth, predictions)
    if rows == 0 or codes.max() == 0:
        return dict.fromkeys(observed)
    resampled = [statistics(truth[drawn], predictions[drawn]) for drawn in _draws(codes)]
    return {
        name: None if value is None else _interval([each[name] for each in resampled])
        for name, value in observed.items()
    }


def _draws(codes: Array) -> Iterator[Array]:
    """Yield the row numbers of each resample. codes: group numbers from 0, `(B,)`."""
    generator = np.random.default_rng(SEED)
    by_group, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    for _ in range(DRAWS):
        drawn = generator.integers(len(sizes), size=len(sizes))
        if len(sizes) == len(codes):  # each row is a group
            yield by_group[drawn]
            continue
        lengths = sizes[drawn]
        # The rows of a group are consecutive in by_group, from its start.
        shift = starts[drawn] - (np.cumsum(lengths) - lengths)
        yield by_group[np.arange(lengths.sum()) + np.repeat(shift, lengths)]


def _interval(values: list[Any]) -> tuple[Any, Any] | None:
    known = np.sort([value for value in values if value is not None], axis=0)
    unknown, rank = len(values) - len(known), math.floor(TAIL * (len(values) - 1))
    if unknown > rank:
        return None
    low, high = known[rank - unknown], known[unknown - rank - 1]
    return (low, high) if known.ndim > 1 else (float(low), float(high))
