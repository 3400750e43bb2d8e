"""95 % intervals: exact ones of proportions, and of any figures by resampling groups of rows."""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval

DRAWS = 1000
SEED = 0
TAIL = 0.025  # on either side

Statistics = Callable[[Array, Array], Mapping[str, float | None]]


def clopper_pearson_interval(successes: int, trials: int) -> Interval | None:
    """The exact 95 % interval of a proportion (Clopper and Pearson 1934); None without trials.

    At its ends as many successes, or more extreme, have a chance of 2.5 %: it covers the true
    proportion at least as often as it says, and is wider than `wilson_interval`.
    """
    if not trials:
        return None
    k, rest = successes, trials - successes
    low = _beta_quantile(TAIL, k, rest + 1) if k else 0.0
    high = _beta_quantile(1 - TAIL, k + 1, rest) if rest else 1.0
    return low, high


def grouped_bootstrap(
    statistics: Statistics, truth: Array, predictions: Array, groups: Array | None = None
) -> dict[str, Interval | None]:
    """The percentile interval of each figure of `statistics(truth, predictions)`.

    truth, predictions: (B, ...). groups: (B,), whose rows (of a patient) are drawn together; each
    row is its own without. 1000 draws from a fixed seed, each of as many groups as there are, with
    replacement (Efron and Tibshirani 1993, §13; Field and Welsh 2007).

    A draw without the figure (None) counts as beyond either end. None where that leaves no end,
    where the rows themselves have no figure, and where there is but one group.
    """

    def figures_of(rows: Array) -> Mapping[str, float | None]:
        return statistics(truth[rows], predictions[rows])

    return _percentiles(figures_of, len(truth), groups)


def paired_bootstrap(
    statistics: Statistics,
    truth: Array,
    first: Array,
    second: Array,
    groups: Array | None = None,
) -> dict[str, Interval | None]:
    """The interval of each figure's difference, the second's predictions less the first's.

    Both are of the same rows and get the same draws, so what is hard for both cancels. Otherwise
    as `grouped_bootstrap`.
    """

    def differences(rows: Array) -> dict[str, float | None]:
        before, after = (statistics(truth[rows], each[rows]) for each in (first, second))
        pairs = {name: (before[name], after[name]) for name in before}
        return {
            name: None if old is None or new is None else new - old
            for name, (old, new) in pairs.items()
        }

    return _percentiles(differences, len(truth), groups)


def _percentiles(
    figures_of: Callable[[Array], Mapping[str, float | None]], rows: int, groups: Array | None
) -> dict[str, Interval | None]:
    codes = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    whole = figures_of(np.arange(rows))
    if rows == 0 or codes.max() == 0:
        return dict.fromkeys(whole)
    found = [figures_of(index) for index in _draws(codes)]
    return {
        name: None if figure is None else _interval([each[name] for each in found])
        for name, figure in whole.items()
    }


def _draws(codes: Array) -> Iterator[Array]:
    """Row numbers of each draw. codes: (B,) from 0."""
    generator = np.random.default_rng(SEED)
    by_group, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    for _ in range(DRAWS):
        drawn = generator.integers(len(sizes), size=len(sizes))
        lengths = sizes[drawn]
        # Each drawn group's rows lie side by side in by_group: from its start, one by one.
        shift = starts[drawn] - (np.cumsum(lengths) - lengths)
        yield by_group[np.arange(lengths.sum()) + np.repeat(shift, lengths)]


def _interval(figures: list[float | None]) -> Interval | None:
    known = np.sort([figure for figure in figures if figure is not None])
    unknown, place = len(figures) - len(known), math.floor(TAIL * (len(figures) - 1))
    if unknown > place:
        return None
    return float(known[place - unknown]), float(known[unknown - place - 1])


def _beta_quantile(share: float, a: float, b: float) -> float:
    """X below which a beta variable is with chance `share`, by bisection."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        if _beta_distribution(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return middle


def _beta_distribution(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction.

    DLMF 8.17.22, which converges fast for x < (a + 1) / (a + b + 2), and 8.17.4 for others.
    """
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_distribution(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    logarithm += a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) / a * _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """1 / (1 + d₁ / (1 + d₂ / …)) by Lentz's method (1976)."""
    tiny = 1e-300
    value, c, d, n, change = 1.0, 1.0, 0.0, 0, 2.0
    while abs(change - 1) > 1e-15 and n < 100_000:
        n += 1
        m = n // 2
        if n % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + term * d) or tiny)
        c = (1 + term / c) or tiny
        change = c * d
        value *= change
    return 1 / value
