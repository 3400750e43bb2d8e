"""P-values for two samples of counts, exact at any number of rows, and their adjustment.

If both samples are from one population, then every way to draw the n rows of the window from the
n + m pooled rows is equally likely, so the window's counts have a multivariate hypergeometric
distribution. The p-value is the share of draws whose chi-square statistic is no smaller. Unlike the
chi-square distribution, that holds for bins with few rows. A reference of few rows is taken into
account, as its rows are pooled.

A fixed number of draws gives no p-value below 1 / (draws + 1), too much to find one of 300
features. Therefore the draws are sequential: those of a feature end as soon as enough of them have
a statistic no smaller, so that most draws are made where a p-value is small. A bound for the bin
that differs most makes draws unnecessary where the drift is plain.

Sources: Besag and Clifford, "Sequential Monte Carlo p-values", 1991, §2; Benjamini and Hochberg,
"Controlling the false discovery rate", 1995; Benjamini and Yekutieli, "The control of the false
discovery rate in multiple testing under dependency", 2001 (features that are positively dependent)
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from model.arrays import Array

FIRST_DRAWS: Final = 40  # of each pair of samples
MAX_DRAWS: Final = 25_000  # of each pair of samples
MAX_NUMBERS: Final = 1_000_000  # of all draws, one for each bin, after the first ones: 0.2 s
MARGIN: Final = 1.1  # by which more draws are made than are likely needed
GROWTH: Final = 4  # largest number of draws, as a multiple of those so far
ENOUGH: Final = 25  # draws with a statistic no smaller: the p-value is then known well enough
BOUND_WEIGHT: Final = 0.1  # of the bound; the draws have the rest
MAX_ROWS: Final = 10**9 - 1  # that NumPy draws from
ROUNDING: Final = 1e-9
SMALLEST: Final = 1e-300  # p-value, so that none is 0


def two_sample_p_values(
    pairs: Sequence[tuple[Array, Array]], generator: "np.random.Generator"
) -> Array:
    """Return p-values for the hypothesis that both samples of a pair are from one population.

    Under the hypothesis, the probability of a p-value that is at most a is at most a. The bound b
    and the p-value d of the draws are combined as min(b / w, d / (1 − w)), which keeps that for any
    w that does not depend on the counts; so no draws are needed where b decides.

    Args:
        pairs: Counts of a window by bin, `(bins,)`, and reference counts of the same bins.
        generator: Source of the draws.

    Returns:
        P-values, `(pairs,)`.
    """
    found = np.ones(len(pairs))
    open_pairs: dict[int, _Draws] = {}
    for place, (counts, reference) in enumerate(pairs):
        counts, reference = _used(counts, reference)
        if len(counts) < 2 or not counts.any() or not reference.any():
            continue
        found[place] = min(1.0, p_bound(counts, reference) / BOUND_WEIGHT)
        if found[place] > 1 / MAX_DRAWS:
            open_pairs[place] = _Draws(counts, reference)
    for each in open_pairs.values():
        each.draw(FIRST_DRAWS, generator)
    numbers, is_last = float(MAX_NUMBERS), False
    while open_pairs:
        unfinished = {place: each for place, each in open_pairs.items() if not each.is_finished}
        for place, each in open_pairs.items():
            if is_last or place not in unfinished:
                found[place] = min(found[place], each.p / (1 - BOUND_WEIGHT))
        if is_last:
            break
        open_pairs = unfinished
        needed = sum(each.needed * each.bins for each in open_pairs.values())
        share = min(1.0, numbers / needed) if needed else 1.0
        numbers, is_last = numbers - needed, needed > numbers
        for each in open_pairs.values():
            each.draw(int(each.needed * share), generator)
    return found


class _Draws:
    """Draws from the pooled rows of two samples, and how many are no smaller than the window.

    Args:
        counts: Counts of the window, `(bins,)`.
        reference: Reference counts, `(bins,)`.
    """

    def __init__(self, counts: Array, reference: Array) -> None:
        self._pooled, self._rows = counts + reference, int(counts.sum())
        self._expected = self._pooled * (self._rows / int(self._pooled.sum()))
        self._weights = 1 / self._pooled
        self._least = self._statistic(counts) * (1 - ROUNDING)
        self._drawn = self._reached = 0

    @property
    def bins(self) -> int:
        """The number of bins."""
        return len(self._pooled)

    @property
    def needed(self) -> int:
        """The number of further draws that likely suffice."""
        likely = MARGIN * (ENOUGH - self._reached) * self._drawn / max(1, self._reached)
        most = min(MAX_DRAWS - self._drawn, (GROWTH - 1) * self._drawn)
        return min(most, max(FIRST_DRAWS // 2, int(likely)))

    @property
    def is_finished(self) -> bool:
        """Whether the p-value is known well enough."""
        return self._reached == ENOUGH or self._drawn >= MAX_DRAWS

    @property
    def p(self) -> float:
        """The p-value of the draws so far."""
        if self._reached == ENOUGH:
            return ENOUGH / self._drawn
        return (1 + self._reached) / (1 + self._drawn)

    def draw(self, size: int, generator: "np.random.Generator") -> None:
        """Draw until enough draws are no smaller than the window.

        Args:
            size: Largest number of draws, which does not change the p-value of a finished pair.
            generator: Source of the draws.
        """
        draws = generator.multivariate_hypergeometric(
            self._pooled, self._rows, size, method="marginals"
        )
        hits = np.flatnonzero(self._statistic(draws) >= self._least)
        if self._reached + len(hits) >= ENOUGH:
            size = int(hits[ENOUGH - self._reached - 1]) + 1
        self._reached = min(ENOUGH, self._reached + len(hits))
        self._drawn += size

    def _statistic(self, counts: Array) -> Array:
        """Return the chi-square statistic of counts, but for a factor that all draws share."""
        differences = counts - self._expected
        differences *= differences
        return np.asarray(differences @ self._weights)


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
    return min(1.0, max(SMALLEST, 2 * len(counts) * math.exp(log_p) / (1 - ratio)))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _used(counts: Array, reference: Array) -> tuple[Array, Array]:
    """Return the counts without bins that are empty in both, and of at most `MAX_ROWS` rows.

    Larger samples keep their shares; as they have fewer rows then, the p-value is not too small.
    """
    half = MAX_ROWS // 2
    pair = [
        each.astype(np.int64) if each.sum() <= half else (each * (half / each.sum())).astype(int)
        for each in (counts, reference)
    ]
    is_used = pair[0] + pair[1] > 0
    return pair[0][is_used], pair[1][is_used]


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
