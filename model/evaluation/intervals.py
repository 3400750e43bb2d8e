"""95 % intervals: exact ones of proportions, and bootstrap intervals of any statistics."""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval

DRAWS = 1000
SEED = 0
TAIL = 0.025  # probability beyond each end

Statistics = Callable[[Array, Array], Mapping[str, float | None]]


def clopper_pearson_interval(successes: int, trials: int) -> Interval | None:
    """Return the exact 95 % interval of a proportion.

    At each end, the observed or a more extreme number of successes has a probability of 2.5 %. The
    coverage is at least 95 %, and the interval is wider than `wilson_interval`.

    Args:
        successes: Number of successes, from 0 to `trials`.
        trials: Number of trials.

    Returns:
        Lower and upper end; None for 0 trials.

    Source: Clopper and Pearson 1934.
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
    """Return percentile bootstrap intervals of statistics, from resamples of whole groups.

    There are 1000 resamples from a fixed seed; each draws as many groups as there are, with
    replacement. A resample for which a statistic is None counts as beyond both ends.

    Args:
        statistics: Computes statistics by name from targets and predictions.
        truth: Targets, `(B, ...)`.
        predictions: Predictions, `(B, ...)`.
        groups: Group of each row, such as a patient, `(B,)`; each row is a group by default.

    Returns:
        Interval of each statistic. None where the statistic of the rows is None, where too many
        resamples have none, and where there is one group only.

    Source: Efron and Tibshirani 1993, §13; Field and Welsh 2007.
    """

    def compute(rows: Array) -> Mapping[str, float | None]:
        return statistics(truth[rows], predictions[rows])

    return _percentiles(compute, len(truth), groups)


def paired_bootstrap(
    statistics: Statistics,
    truth: Array,
    first: Array,
    second: Array,
    groups: Array | None = None,
) -> dict[str, Interval | None]:
    """Return bootstrap intervals of the differences of statistics: second − first predictions.

    Both use the same resamples, so variation that affects both cancels. Otherwise as
    `grouped_bootstrap`.

    Args:
        statistics: Computes statistics by name from targets and predictions.
        truth: Targets, `(B, ...)`.
        first: Predictions of one model, `(B, ...)`.
        second: Predictions of another model, `(B, ...)`.
        groups: Group of each row, `(B,)`; each row is a group by default.
    """

    def differences(rows: Array) -> dict[str, float | None]:
        before, after = (statistics(truth[rows], model[rows]) for model in (first, second))
        pairs = {name: (before[name], after[name]) for name in before}
        return {
            name: None if old is None or new is None else new - old
            for name, (old, new) in pairs.items()
        }

    return _percentiles(differences, len(truth), groups)


def _percentiles(
    compute: Callable[[Array], Mapping[str, float | None]], rows: int, groups: Array | None
) -> dict[str, Interval | None]:
    codes = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    observed = compute(np.arange(rows))
    if rows == 0 or codes.max() == 0:
        return dict.fromkeys(observed)
    resampled = [compute(index) for index in _draws(codes)]
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
        lengths = sizes[drawn]
        # The rows of a group are consecutive in by_group, from its start.
        shift = starts[drawn] - (np.cumsum(lengths) - lengths)
        yield by_group[np.arange(lengths.sum()) + np.repeat(shift, lengths)]


def _interval(values: list[float | None]) -> Interval | None:
    known = np.sort([value for value in values if value is not None])
    unknown, rank = len(values) - len(known), math.floor(TAIL * (len(values) - 1))
    if unknown > rank:
        return None
    return float(known[rank - unknown]), float(known[unknown - rank - 1])


def _beta_quantile(share: float, a: float, b: float) -> float:
    """Return the quantile of the beta distribution, by bisection."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        if _beta_distribution(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return middle


def _beta_distribution(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b), by its continued fraction.

    Source: DLMF 8.17.22, which converges fast for x < (a + 1) / (a + b + 2); 8.17.4 for other x.
    """
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_distribution(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    logarithm += a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) / a * _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Return 1 / (1 + d₁ / (1 + d₂ / …)) by Lentz's method (1976)."""
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
