"""Brier score and calibration slope from counts by bin of the probability."""

from typing import Final

import numpy as np

from model.arrays import Array
from model.metrics.probability_bins import MIDDLES

STEPS: Final = 100
CLOSE: Final = 1e-9
_LOGITS: Final = np.log(MIDDLES / (1 - MIDDLES))


def binned_brier(positives: Array, negatives: Array) -> float | None:
    """Return the mean squared difference of probability and truth; None without rows.

    Args:
        positives: Rows whose truth is positive by bin, `(1000,)`.
        negatives: Rows whose truth is negative by bin, `(1000,)`.
    """
    rows = int(positives.sum() + negatives.sum())
    if not rows:
        return None
    squares = positives @ np.square(1 - MIDDLES) + negatives @ np.square(MIDDLES)
    return float(squares) / rows


def binned_slope(positives: Array, negatives: Array) -> float | None:
    """Return the calibration slope b of logit P(y) = a + b · logit p; ideally 1.

    The fit is by maximum likelihood, in damped Newton steps.

    Args:
        positives: Rows whose truth is positive by bin, `(1000,)`.
        negatives: Rows whose truth is negative by bin, `(1000,)`.

    Returns:
        The slope; None where one class is absent, or a threshold separates the classes.

    Source: Cox 1958; Albert and Anderson 1984 (existence).
    """
    places, others = np.flatnonzero(positives), np.flatnonzero(negatives)
    if not len(places) or not len(others):
        return None
    if places[0] >= others[-1] or others[0] >= places[-1]:
        return None
    is_used = (positives + negatives) > 0
    hits, rows = positives[is_used], (positives + negatives)[is_used]
    z = _LOGITS[is_used]
    mean = float(z @ rows) / rows.sum()
    spread = float(np.sqrt(np.square(z - mean) @ rows / rows.sum()))
    x = (z - mean) / spread
    share = hits.sum() / rows.sum()
    fit = np.array([np.log(share / (1 - share)), 0.0])
    loss = _loss(fit, x, hits, rows)
    for _ in range(STEPS):
        p = 0.5 * (1 + np.tanh((fit[0] + fit[1] * x) / 2))
        missing, weights = hits - rows * p, rows * p * (1 - p)
        gradient = np.array([missing.sum(), missing @ x])
        mixed = float(weights @ x)
        hessian = np.array([[weights.sum(), mixed], [mixed, weights @ np.square(x)]])
        if np.linalg.det(hessian) <= 0:
            return None
        step = np.linalg.solve(hessian, gradient)
        if np.abs(step).max() <= CLOSE * max(1.0, float(np.abs(fit).max())):
            return float(fit[1] + step[1]) / spread
        while (after := _loss(fit + step, x, hits, rows)) > loss * (1 + 1e-12):
            step /= 2
        fit, loss = fit + step, after
    return None


def _loss(fit: Array, x: Array, hits: Array, rows: Array) -> float:
    """Return the negative log-likelihood."""
    z = fit[0] + fit[1] * x
    return float(np.sum(rows * np.logaddexp(0, z) - hits * z))
