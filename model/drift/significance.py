"""P-values for two samples of counts, exact at any number of rows, and their adjustment.

If both samples are from one population, then every way to draw the n rows of the window from the
n + m pooled rows is equally likely, so the window's counts have a multivariate hypergeometric
distribution. The p-value is the share of draws whose chi-square statistic is no smaller. Unlike the
chi-square distribution, that holds for bins with few rows. A reference of few rows is taken into
account, as its rows are pooled.

Draws alone give no p-value below 1 / (draws + 1), too much to find one of 300 features. Therefore a
bound for the bin that differs most is combined with them, and draws end as soon as a p-value is
clearly large.

Sources: Besag and Clifford, "Sequential Monte Carlo p-values", 1991, §2; Benjamini and Hochberg,
"Controlling the false discovery rate", 1995; Benjamini and Yekutieli, "The control of the false
discovery rate in multiple testing under dependency", 2001 (features that are positively dependent)
"""

import math
from typing import Final

import numpy as np

from model.arrays import Array

DRAWS: Final = 2000
BATCHES: Final = (100, 400, DRAWS - 500)
ENOUGH: Final = 50  # draws with a statistic no smaller: the p-value is then known well enough
BOUND_WEIGHT: Final = 0.01  # of the bound; the draws have the rest
MAX_ROWS: Final = 10**9 - 1  # that NumPy draws from
ROUNDING: Final = 1e-9


def two_sample_p(counts: Array, reference: Array, generator: np.random.Generator) -> float:
    """Return a p-value for the hypothesis that both samples are from one population.

    The p-value is valid: under the hypothesis, the probability of one that is at most a is at most
    a. The bound b and the p-value d of the draws are combined as min(b / w, d / (1 − w)), which is
    valid for any w that does not depend on the counts; so the draws are left out where b decides.

    Args:
        counts: Counts of a window by bin, `(bins,)`.
        reference: Reference counts of the same bins.
        generator: Source of the draws.
    """
    counts, reference = _within_limit(counts, reference)
    is_used = (counts > 0) | (reference > 0)
    counts, reference = counts[is_used], reference[is_used]
    if len(counts) < 2 or not counts.any() or not reference.any():
        return 1.0
    bound = p_bound(counts, reference) / BOUND_WEIGHT
    if bound <= 1 / (1 + DRAWS):
        return bound
    return min(bound, _p_of_draws(counts, reference, generator) / (1 - BOUND_WEIGHT), 1.0)


def _p_of_draws(counts: Array, reference: Array, generator: np.random.Generator) -> float:
    pooled, n = counts + reference, int(counts.sum())
    expected = pooled * (n / int(pooled.sum()))
    least = _statistic(counts, expected, pooled) * (1 - ROUNDING)
    drawn = reached = 0
    for size in BATCHES:
        draws = generator.multivariate_hypergeometric(pooled, n, size, method="marginals")
        hits = np.flatnonzero(_statistic(draws, expected, pooled) >= least)
        if reached + len(hits) >= ENOUGH:
            return ENOUGH / (drawn + 1 + int(hits[ENOUGH - reached - 1]))
        reached, drawn = reached + len(hits), drawn + size
    return (1 + reached) / (1 + drawn)


def _statistic(counts: Array, expected: Array, pooled: Array) -> Array:
    """Return the chi-square statistic of counts, but for a factor that all draws share."""
    return np.asarray((np.square(counts - expected) / pooled).sum(axis=-1))


def p_bound(counts: Array, reference: Array) -> float:
    """Return an upper bound of the p-value of the bin that differs most, times the number of bins.

    The count of one bin is hypergeometric. The ratio r of the probabilities of successive counts
    falls, so the tail from a count x on is at most P(x) / (1 − r(x)).

    Args:
        counts: Counts of a window by bin, `(bins,)`, not all 0.
        reference: Reference counts of the same bins, not all 0.
    """
    n, m = int(counts.sum()), int(reference.sum())
    pooled = counts + reference
    expected = pooled * (n / (n + m))
    variance = expected * (1 - pooled / (n + m)) * (m / (n + m))
    spread = np.sqrt(np.where(variance > 0, variance, np.inf))
    place = int(np.argmax(np.abs(counts - expected) / spread))
    x, others = int(counts[place]), int(pooled[place])
    if x < expected[place]:  # the tail of small counts is that of large counts of the reference
        x, n, m = others - x, m, n
    log_p = _log_choose(n, x) + _log_choose(m, others - x) - _log_choose(n + m, others)
    ratio = (others - x) * (n - x) / ((x + 1) * (m - others + x + 1))
    if ratio >= 1:
        return 1.0
    return min(1.0, 2 * len(counts) * math.exp(log_p) / (1 - ratio))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _within_limit(counts: Array, reference: Array) -> tuple[Array, Array]:
    """Return counts of at most MAX_ROWS rows with the same shares; fewer rows are less certain."""
    counts, reference = counts.astype(np.int64), reference.astype(np.int64)
    half = MAX_ROWS // 2
    found = []
    for each in (counts, reference):
        rows = int(each.sum())
        found.append(each if rows <= half else (each * (half / rows)).astype(np.int64))
    return found[0], found[1]


def adjusted(p_values: Array) -> Array:
    """Return q-values: the smallest false-discovery rate at which each hypothesis is rejected.

    Args:
        p_values: P-values, `(H,)`.

    Returns:
        Benjamini-Hochberg adjusted p-values, `(H,)`.
    """
    size = len(p_values)
    order = np.argsort(p_values)[::-1]
    scaled = p_values[order] * (size / np.arange(size, 0, -1))
    found = np.empty(size)
    found[order] = np.minimum(np.minimum.accumulate(scaled), 1)
    return found
