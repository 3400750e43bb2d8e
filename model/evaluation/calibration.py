"""Measures of calibration: agreement of predicted probabilities and observed frequencies.

Shapes: labels `(B,)`, bool; probabilities `(B,)`; B is at least 1. Bins have equal widths; a
probability of 1 belongs to the last bin.
"""

import numpy as np

from model.arrays import Array
from model.metrics.reliability import bin_of, by_bin

FLOOR_DRAWS = 1000  # gives a standard error below 3 % of the floor
FLOOR_SEED = 0
STEPS = 100  # limit of Newton's method, which needs about 6 where there is a solution
CLOSE = 1e-7  # convergence: after a step this small, the error is of the order of its square


def calibration_error(labels: Array, probabilities: Array, bins: int = 10) -> float:
    """Return the expected calibration error.

    That is the mean over bins, weighted by rows, of |mean probability − share of positives|.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        bins: Number of bins.

    Source: Naeini et al. 2015.
    """
    excess = np.bincount(bin_of(probabilities, bins), weights=probabilities - labels)
    return float(np.abs(excess).sum() / len(labels))


def calibration_error_floor(probabilities: Array, bins: int = 10) -> float:
    """Return the calibration error to expect of a perfectly calibrated model.

    It is above 0, since the share of positives in a bin of few rows varies by chance; an error near
    the floor is no evidence of miscalibration. The floor is the mean error over 1000 draws of
    labels, each positive with its row's probability, from a fixed seed.

    Args:
        probabilities: Predicted probabilities, `(B,)`.
        bins: Number of bins.

    Source: Bröcker and Smith 2007.
    """
    generator = np.random.default_rng(FLOOR_SEED)
    total = 0.0
    for _ in range(FLOOR_DRAWS):
        labels = generator.random(len(probabilities)) < probabilities
        total += calibration_error(labels, probabilities, bins)
    return total / FLOOR_DRAWS


def brier_decomposition(labels: Array, probabilities: Array, bins: int = 10) -> dict[str, float]:
    """Decompose the Brier score: reliability − resolution + uncertainty + within_bins.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        bins: Number of bins.

    Returns:
        reliability: Mean squared gap of mean probability and share of positives of the bins; lower
        is better. resolution: Mean squared difference of these shares from the overall share;
        higher is better. uncertainty: Variance of the outcome. within_bins: Variance of the
        probabilities within bins, minus twice their covariance with the outcome; 0 where each bin
        has one probability only.

    Source: Murphy 1973; Stephenson et al. 2008, eq. 5 (within_bins).
    """
    rows, sums, positives = by_bin(labels, probabilities, bins)
    divisor, count = np.maximum(rows, 1), len(labels)
    means, shares, share = sums / divisor, positives / divisor, float(labels.mean())
    bin_ = bin_of(probabilities, bins)
    p, y = probabilities - means[bin_], labels - shares[bin_]
    return {
        "reliability": float((rows * np.square(means - shares)).sum() / count),
        "resolution": float((rows * np.square(shares - share)).sum() / count),
        "uncertainty": share * (1 - share),
        "within_bins": float((p * (p - 2 * y)).sum() / count),
    }


def calibration_intercept(labels: Array, probabilities: Array) -> float | None:
    """Return the calibration intercept a of logit P(y) = a + logit p; ideally 0.

    Above 0, probabilities are too low on the whole (calibration-in-the-large). The fit is by
    maximum likelihood, with p clipped to an ε away from 0 and 1.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        The intercept in log-odds; None with one class only.

    Source: Cox 1958; Van Calster et al. 2019.
    """
    share = float(labels.mean())
    if share in (0, 1):
        return None
    z, a = _logits(probabilities), 0.0
    # At low, no row's probability is above the share of positives; at high, none is below it.
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
    """Return the calibration slope b of logit P(y) = a + b · logit p; ideally 1.

    Below 1, probabilities are too extreme, as of an overfitted model. The fit of a and b is by
    maximum likelihood, with p clipped to an ε away from 0 and 1.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        The slope; None where the likelihood has no maximum, since a threshold separates the classes
        or one class is absent, and where it has none numerically.

    Source: Cox 1958; Van Calster et al. 2019; Albert and Anderson 1984 (existence).
    """
    z = _logits(probabilities)
    positive, negative = z[labels], z[~labels]
    if not len(positive) or not len(negative):
        return None
    if positive.min() >= negative.max() or negative.min() >= positive.max():
        return None
    # On standardized logits the first step from a slope of 0 always decreases the loss.
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
        # A full step may go too far; the tolerance is for rounding.
        while (after := _loss(a + step_a + (b + step_b) * x, labels)) > loss * (1 + 1e-12):
            step_a, step_b = step_a / 2, step_b / 2
        a, b, loss = a + step_a, b + step_b, after
    return None


def _logits(probabilities: Array) -> Array:
    epsilon = np.finfo(np.float64).eps
    p = np.clip(probabilities.astype(np.float64), epsilon, 1 - epsilon)
    return np.asarray(np.log(p / (1 - p)))


def _sigmoid(z: Array) -> Array:
    """Return σ(z) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def _loss(z: Array, labels: Array) -> float:
    """Return the negative log-likelihood, Σ log(1 + eᶻ) of the log-odds of the wrong labels."""
    wrong = np.where(labels, -z, z)
    return float((np.maximum(wrong, 0) + np.log1p(np.exp(-np.abs(z)))).sum())
