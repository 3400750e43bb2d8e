"""Whether probabilities mean what they say. labels: (B,) bool; probabilities: (B,).

B is at least 1. Bins have equal widths; 1 belongs to the last.
"""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval, wilson_interval

FLOOR_DRAWS = 1000  # the floor's standard error is then below 3 % of it
FLOOR_SEED = 0
STEPS = 100  # of Newton's method, which takes about 6 where there is something to be found
CLOSE = 1e-7  # a step below this arrives: what is left is of the order of its square


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows of about the same probability: its mean, how many are positive, Wilson's interval."""

    rows: int
    mean_probability: float
    share_of_positives: float
    interval: Interval


def calibration_error(labels: Array, probabilities: Array, bins: int = 10) -> float:
    """Expected calibration error: |mean probability − share of positives|, averaged over
    equal-width bins by their number of rows (Naeini et al. 2015).
    """
    surplus = np.bincount(_bin_of(probabilities, bins), weights=probabilities - labels)
    return float(np.abs(surplus).sum() / len(labels))


def calibration_error_floor(probabilities: Array, bins: int = 10) -> float:
    """The calibration error to expect of a perfect model that gives these very probabilities.

    Not 0, since a bin's share of positives is of few rows: an error near this says nothing against
    the model (Bröcker and Smith 2007). Its mean over 1000 draws of labels, each positive with its
    row's probability, from a fixed seed.
    """
    generator = np.random.default_rng(FLOOR_SEED)
    total = 0.0
    for _ in range(FLOOR_DRAWS):
        labels = generator.random(len(probabilities)) < probabilities
        total += calibration_error(labels, probabilities, bins)
    return total / FLOOR_DRAWS


def reliability_curve(
    labels: Array, probabilities: Array, bins: int = 10
) -> tuple[ReliabilityBin, ...]:
    """Each bin that has rows, from the least probability to the greatest."""
    rows, sums, positives = _by_bin(labels, probabilities, bins)
    found = []
    for count, total, hits in zip(rows.tolist(), sums.tolist(), positives.tolist(), strict=True):
        interval = wilson_interval(int(hits), count)
        if interval is not None:
            found.append(ReliabilityBin(count, total / count, hits / count, interval))
    return tuple(found)


def brier_decomposition(labels: Array, probabilities: Array, bins: int = 10) -> dict[str, float]:
    """Brier score = reliability − resolution + uncertainty + within_bins.

    reliability: squared gaps of the bins' mean probability and share of positives, less is better;
    resolution: how far those shares are from the overall one, more is better; uncertainty: the
    outcome's own variance (Murphy 1973). within_bins: variance of the probabilities in their bins
    less twice their covariance with the outcome, 0 where a bin has one probability only
    (Stephenson et al. 2008, eq. 5).
    """
    rows, sums, positives = _by_bin(labels, probabilities, bins)
    known, count = np.maximum(rows, 1), len(labels)
    means, shares, share = sums / known, positives / known, float(labels.mean())
    which = _bin_of(probabilities, bins)
    p, y = probabilities - means[which], labels - shares[which]
    return {
        "reliability": float((rows * np.square(means - shares)).sum() / count),
        "resolution": float((rows * np.square(shares - share)).sum() / count),
        "uncertainty": share * (1 - share),
        "within_bins": float((p * (p - 2 * y)).sum() / count),
    }


def calibration_intercept(labels: Array, probabilities: Array) -> float | None:
    """Calibration in the large: a of logit P(y) = a + logit p, the slope held at 1; ideally 0.

    Above 0: the probabilities are too low on the whole (Cox 1958; Van Calster et al. 2019). In
    log-odds, by maximum likelihood, p kept an ε off 0 and 1; None with one class only.
    """
    share = float(labels.mean())
    if share in (0, 1):
        return None
    z, a = _logits(probabilities), 0.0
    # Where every row's probability is at most, or at least, the share of positives.
    low, high = (float(np.log(share / (1 - share)) - end) for end in (z.max(), z.min()))
    for _ in range(STEPS):
        p = _sigmoid(a + z)
        missing = float((labels - p).sum())
        low, high = (a, high) if missing > 0 else (low, a)
        step, before = missing / max(float((p * (1 - p)).sum()), 1e-300), a
        a = a + step if low <= a + step <= high else (low + high) / 2
        if abs(a - before) <= CLOSE:
            break
    return a


def calibration_slope(labels: Array, probabilities: Array) -> float | None:
    """B of logit P(y) = a + b · logit p, with both a and b free; ideally 1.

    Below 1: the probabilities are too extreme, as of a model that overfits (Cox 1958; Van Calster
    et al. 2019). By maximum likelihood, p kept an ε off 0 and 1; None where that has no end: some
    threshold parts the classes, or one is not there (Albert and Anderson 1984), or nearly so.
    """
    z = _logits(probabilities)
    positive, negative = z[labels], z[~labels]
    if not len(positive) or not len(negative):
        return None
    if positive.min() >= negative.max() or negative.min() >= positive.max():
        return None
    # From a slope of 0 on standardized logits the first step is always a good one.
    spread = float(z.std())
    x = (z - z.mean()) / spread
    a, b = float(np.log(len(positive) / len(negative))), 0.0
    loss = _loss(a + b * x, labels)
    for _ in range(STEPS):
        p = _sigmoid(a + b * x)
        missing, weights = labels - p, p * (1 - p)
        weighted = weights * x
        h_aa, h_ab, h_bb = float(weights.sum()), float(weighted.sum()), float(weighted @ x)
        determinant = h_aa * h_bb - h_ab * h_ab
        if determinant <= 0:
            return None
        g_a, g_b = float(missing.sum()), float(missing @ x)
        step_a = (h_bb * g_a - h_ab * g_b) / determinant
        step_b = (h_aa * g_b - h_ab * g_a) / determinant
        if max(abs(step_a), abs(step_b)) <= CLOSE * max(1.0, abs(a), abs(b)):
            return (b + step_b) / spread
        # A whole step may go too far; the slack is what rounding takes.
        while (after := _loss(a + step_a + (b + step_b) * x, labels)) > loss * (1 + 1e-12):
            step_a, step_b = step_a / 2, step_b / 2
        a, b, loss = a + step_a, b + step_b, after
    return None


def _by_bin(labels: Array, probabilities: Array, bins: int) -> tuple[Array, Array, Array]:
    """Rows, sums of probabilities and positives, each (bins,)."""
    which = _bin_of(probabilities, bins)
    return (
        np.bincount(which, minlength=bins),
        np.bincount(which, weights=probabilities, minlength=bins),
        np.bincount(which, weights=labels, minlength=bins),
    )


def _bin_of(probabilities: Array, bins: int) -> Array:
    return np.asarray(np.minimum((probabilities * bins).astype(int), bins - 1))


def _logits(probabilities: Array) -> Array:
    epsilon = np.finfo(np.float64).eps
    p = np.clip(probabilities.astype(np.float64), epsilon, 1 - epsilon)
    return np.asarray(np.log(p / (1 - p)))


def _sigmoid(z: Array) -> Array:
    """Without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def _loss(z: Array, labels: Array) -> float:
    """The negative log-likelihood of log-odds: Σ log(1 + eᶻ) of those towards the wrong label."""
    wrong = np.where(labels, -z, z)
    return float((np.maximum(wrong, 0) + np.log1p(np.exp(-np.abs(z)))).sum())
