"""Inference from pairs: McNemar's exact test, and the paired bootstrap of mean differences."""

import math
from typing import Final

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval

REPLICATES: Final = 2000
MAX_GROUPS: Final = 5000  # that are drawn; more are first joined at random
MIN_GROUPS: Final = 10  # with fewer, an interval would be too narrow
CHUNK_DRAWS: Final = 1_000_000  # at a time, which limits the memory


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Of the pairs in which exactly one of two classifiers is right, half have the first one right if
    both have the same error rate. The sum of binomial probabilities is computed by logarithms, as
    the coefficients of many pairs exceed the floating-point range.

    Args:
        first_only: Number of pairs in which only the first one is right.
        second_only: Number of pairs in which only the second one is right.

    Source: McNemar 1947; exact form of Fay 2011, "Exact McNemar's Test and Matching Confidence
        Intervals".
    """
    pairs, fewer = first_only + second_only, min(first_only, second_only)
    if 2 * fewer == pairs:
        return 1.0
    numbers = np.arange(1, fewer + 1, dtype=np.float64)
    coefficients = np.concatenate([[0.0], np.cumsum(np.log((pairs - numbers + 1) / numbers))])
    largest = float(coefficients.max())
    total = largest + math.log(float(np.exp(coefficients - largest).sum()))
    return min(1.0, 2 * math.exp(total - pairs * math.log(2)))


def paired_bootstrap(
    differences: Array, groups: Array, *, seed: int = 0, replicates: int = REPLICATES
) -> list[Interval | None]:
    """Return 95 % percentile intervals of mean differences over rows; groups are drawn together.

    Of more than `MAX_GROUPS` groups, several are joined at random: the variance of the mean stays
    the same, and the time is limited.

    Args:
        differences: Paired differences of rows, a column for each figure, `(B, M)`.
        groups: Group of each row, `(B,)`; rows of one group, such as a patient, belong together.
        seed: Seed of the draws; the same arguments return the same intervals.
        replicates: Number of bootstrap samples.

    Returns:
        An interval for each figure; None with fewer than `MIN_GROUPS` groups.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; cluster bootstrap of
        Field and Welsh 2007.
    """
    found, numbers = np.unique(groups, return_inverse=True)
    count = len(found)
    if count < MIN_GROUPS:
        return [None] * differences.shape[1]
    generator = np.random.default_rng(seed)
    if count > MAX_GROUPS:
        numbers = (generator.permutation(count) % MAX_GROUPS)[numbers]
        count = MAX_GROUPS
    # For each group the sums of the differences, and in the last column the number of rows.
    columns = [*differences.T, np.ones(len(differences))]
    sums = np.column_stack([np.bincount(numbers, each, count) for each in columns])
    means = []
    for start in range(0, replicates, step := max(1, CHUNK_DRAWS // count)):
        size = min(step, replicates - start)
        drawn = generator.integers(0, count, (size, count))
        offsets = np.arange(size)[:, None] * count
        times = np.bincount((drawn + offsets).ravel(), minlength=size * count)
        totals = times.reshape(size, count) @ sums
        means.append(totals[:, :-1] / totals[:, -1:])
    ends = np.quantile(np.concatenate(means), [0.025, 0.975], axis=0)
    return [(float(low), float(high)) for low, high in ends.T]
