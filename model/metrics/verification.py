"""Quality where truth is known for some rows only, and may be known for chosen ones.

If only the rows that are predicted positive are verified, no false negative is ever seen, and the
sensitivity of the verified rows is 1 whatever the model: verification bias. Then a proportion is
not known. Weights correct it, provided that within a stratum the rows with truth are like those
without: each row with truth stands for as many rows as its stratum has rows per truth. Strata are
bins of 0.1 of the probability, divided at the threshold.

Sources: Begg and Greenes, "Assessment of diagnostic tests when disease verification is subject to
selection bias", Biometrics 39, 1983, §2; for the intervals Brown, Cai and DasGupta, "Interval
estimation for a binomial proportion", Statistical Science 16, 2001, §4.1 (Jeffreys).
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import wilson_interval
from model.metrics.probability_bins import BINS, BinnedRows
from model.metrics.proportions import FIGURES, WeightedMatrix, shares_of_draws

MAX_COVERAGE_RATIO: Final = 1.25  # of the predicted labels
STRATUM_BINS: Final = 100  # of 0.001
DRAWS: Final = 4000  # of the shares of positives, for intervals with weights
PRIOR: Final = 0.5  # of Jeffreys

_OF_BOTH_LABELS: Final = ("accuracy", "sensitivity", "specificity")
_POSITIVE: Final = "positive_predictive_value"
_NEGATIVE: Final = "negative_predictive_value"


def coverage(rows: int, truth: int) -> dict[str, Any]:
    """Return how much truth has arrived, as plain JSON.

    Args:
        rows: Number of rows.
        truth: Number of those with truth.
    """
    return {"rows": rows, "truth": truth, "share": truth / rows if rows else None}


def selection(covered: dict[str, dict[str, Any]]) -> str:
    """Return why figures of all rows do not follow from those with truth; "" if they do.

    Args:
        covered: Result of `coverage` by predicted label.
    """
    shares = {label: each["share"] for label, each in covered.items() if each["rows"]}
    if not any(each["truth"] for each in covered.values()):
        return "no truth has arrived"
    for label, share in shares.items():
        if share == 0:
            return f"none of the {covered[label]['rows']} rows predicted {label} has truth"
    most, least = (pick(shares, key=lambda label: shares[label]) for pick in (max, min))
    if shares[most] > MAX_COVERAGE_RATIO * shares[least]:
        return (
            f"truth has arrived for {shares[most]:.1%} of the rows predicted {most} and "
            f"{shares[least]:.1%} of those predicted {least}, a ratio of "
            f"{shares[most] / shares[least]:.2f}; above {MAX_COVERAGE_RATIO}, the rows with truth "
            "do not stand for all rows"
        )
    return ""


def unweighted_figures(
    binned: BinnedRows, first: int, labels: tuple[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return proportions of the rows with truth, with Wilson intervals, and what is not known.

    Args:
        binned: The rows.
        first: The first bin that is predicted positive.
        labels: The predicted labels: negative, positive.

    Returns:
        `value` and `interval` by proportion, and reasons by proportion.
    """
    matrix = binned.confusion_matrix(first)
    covered = coverage_by_label(binned, first, labels)
    reasons: dict[str, str] = {}
    if reason := selection(covered):
        negative, positive = (covered[label]["share"] or 0 for label in labels)
        least = _NEGATIVE if negative < positive else _POSITIVE
        has_truth = negative or positive
        reasons = dict.fromkeys((*_OF_BOTH_LABELS, least) if has_truth else FIGURES, reason)
    figures = {}
    for name, (part, whole) in matrix.proportions().items():
        if name not in reasons and not whole:
            reasons[name] = "no row with truth counts for it"
        known = name not in reasons
        figures[name] = {
            "value": part / whole if known else None,
            "interval": wilson_interval(part, whole) if known else None,
        }
    return figures, reasons


def coverage_by_label(
    binned: BinnedRows, first: int, labels: tuple[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the coverage of the rows below and above the threshold.

    Args:
        binned: The rows.
        first: The first bin that is predicted positive.
        labels: The predicted labels: negative, positive.
    """
    rows, truth = binned.rows, binned.truth
    sides = (slice(None, first), slice(first, None))
    return {
        label: coverage(int(rows[side].sum()), int(truth[side].sum()))
        for label, side in zip(labels, sides, strict=True)
    }


def weighted_figures(
    binned: BinnedRows, first: int
) -> tuple[WeightedMatrix, dict[str, Any], dict[str, str]]:
    """Return proportions of all rows, estimated by inverse-probability weights.

    The share of positives of each stratum has the posterior distribution of Jeffreys' prior, also
    where all its rows with truth agree. The interval is from the 2.5 % to the 97.5 % quantile of
    4 000 draws of the rows without truth, and includes the value.

    Args:
        binned: The rows.
        first: The first bin that is predicted positive.

    Returns:
        The weighted confusion matrix; `value` and `interval` by proportion; and reasons by
        proportion that is not known.
    """
    strata = list(_strata(first))
    rows, positives, negatives = (
        np.array([int(each[part].sum()) for part in strata])
        for each in (binned.rows, binned.positives, binned.negatives)
    )
    rows = np.maximum(rows, positives + negatives)  # truth may be newer than the counted rows
    is_positive = np.array([part.start >= first for part in strata])
    truth = positives + negatives
    weights = rows / np.maximum(truth, 1)
    matrix = _sides(positives * weights, negatives * weights, is_positive)
    reasons = _not_estimable(strata, (rows > 0) & (truth == 0), is_positive)
    intervals = _intervals(rows, positives, negatives, is_positive)
    figures = {}
    for name, (part, whole) in WeightedMatrix(*map(float, matrix)).shares().items():
        if name not in reasons and not whole:
            reasons[name] = "no row with truth counts for it"
        value = None if name in reasons else part / whole
        interval = None
        if value is not None:
            low, high = intervals[name]
            interval = min(low, value), max(high, value)
        figures[name] = {"value": value, "interval": interval}
    return WeightedMatrix(*map(float, matrix)), figures, reasons


def _strata(first: int) -> Iterator[slice]:
    """Yield the bins of each stratum; a threshold divides one."""
    for low in range(0, BINS, STRATUM_BINS):
        high = low + STRATUM_BINS
        if low < first < high:
            yield slice(low, first)
            low = first
        yield slice(low, high)


def _not_estimable(strata: list[slice], empty: Array, is_positive: Array) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for number in np.flatnonzero(empty).tolist():
        part = strata[number]
        reason = f"rows of probabilities from {part.start / BINS:g} to {part.stop / BINS:g}"
        reason += " have no truth"
        side = _POSITIVE if is_positive[number] else _NEGATIVE
        for name in (*_OF_BOTH_LABELS, side):
            reasons.setdefault(name, reason)
    return {name: reasons[name] for name in FIGURES if name in reasons}


def _sides(positives: Array, negatives: Array, is_positive: Array) -> tuple[Array, ...]:
    """Return the sums over the strata below and above the threshold: TN, FP, FN, TP."""
    return (
        negatives[..., ~is_positive].sum(axis=-1),
        negatives[..., is_positive].sum(axis=-1),
        positives[..., ~is_positive].sum(axis=-1),
        positives[..., is_positive].sum(axis=-1),
    )


def _intervals(
    rows: Array, positives: Array, negatives: Array, is_positive: Array
) -> dict[str, tuple[float, float]]:
    generator = np.random.default_rng(0)  # the same counts have the same interval
    shares = generator.beta(positives + PRIOR, negatives + PRIOR, (DRAWS, len(rows)))
    unknown = rows - positives - negatives
    drawn = generator.binomial(unknown, shares)
    matrices = _sides(positives + drawn, negatives + unknown - drawn, is_positive)
    found = {}
    for name, draws in shares_of_draws(*matrices).items():
        finite = draws[np.isfinite(draws)]
        low, high = np.quantile(finite, (0.025, 0.975)) if len(finite) else (0.0, 1.0)
        found[name] = float(low), float(high)
    return found
