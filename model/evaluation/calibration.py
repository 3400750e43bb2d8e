"""Whether probabilities come true as often as they say. labels: (B,) bool; probabilities: (B,)."""

import numpy as np

from model.arrays import Array
from model.calibration import CLIP

STEPS, TOLERANCE = 50, 1e-10
DRAWS = 1000


def calibration_slope(labels: Array, probabilities: Array) -> float | None:
    """b of logit P(y) = a + b · logit p, fitted by maximum likelihood (Cox 1958).

    1 is right; below, probabilities are too extreme, as those of an overfitted model. None where
    the classes are apart, so that no fit is best.
    """
    x = _logits(probabilities)
    theta = np.array([0.0, 1.0])
    for _ in range(STEPS):
        step = _newton_step(np.column_stack([np.ones_like(x), x]), labels, theta)
        if step is None:
            return None
        theta = theta + step
        if np.abs(step).max() < TOLERANCE:
            return float(theta[1])
    return None


def calibration_in_the_large(labels: Array, probabilities: Array) -> float | None:
    """a of logit P(y) = a + logit p: 0 is right; above, probabilities are too low on the whole."""
    x = _logits(probabilities)
    if labels.all() or not labels.any():
        return None
    a = np.zeros(1)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(a + x)))
        step = (labels - p).sum() / (p * (1 - p)).sum()
        a = a + step
        if abs(step) < TOLERANCE:
            return float(a[0])
    return None


def calibration_error(labels: Array, probabilities: Array, bins: int = 10) -> float:
    """Expected calibration error: |mean probability − share of positives|, averaged over
    equal-width bins by their number of rows (Naeini et al. 2015)."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    surplus = np.bincount(which, weights=probabilities - labels, minlength=bins)
    return float(np.abs(surplus).sum() / len(labels))


def calibration_error_floor(probabilities: Array, bins: int = 10) -> float:
    """What `calibration_error` would be on average if every probability were right: its noise.

    By 1000 draws of labels, from one seed.
    """
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    generator = np.random.default_rng(0)
    total = 0.0
    for _ in range(DRAWS):
        labels = generator.random(len(probabilities)) < probabilities
        surplus = np.bincount(which, weights=probabilities - labels, minlength=bins)
        total += float(np.abs(surplus).sum())
    return total / DRAWS / len(probabilities)


def brier_decomposition(labels: Array, probabilities: Array, bins: int = 10) -> dict[str, float]:
    """The Brier score as reliability − resolution + uncertainty + within (Murphy 1973).

    within: what bins leave out, since probabilities differ within one (Stephenson et al. 2008).
    """
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    used = counts > 0
    means = np.bincount(which, weights=probabilities, minlength=bins)[used] / counts[used]
    shares = np.bincount(which, weights=labels, minlength=bins)[used] / counts[used]
    weights, base = counts[used] / len(labels), float(labels.mean())
    reliability = float((weights * np.square(means - shares)).sum())
    resolution = float((weights * np.square(shares - base)).sum())
    uncertainty = base * (1 - base)
    whole = float(np.square(probabilities - labels).mean())
    return {
        "reliability": reliability,
        "resolution": resolution,
        "uncertainty": uncertainty,
        "within": whole - (reliability - resolution + uncertainty),
    }


def _logits(probabilities: Array) -> Array:
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    return np.asarray(np.log(p / (1 - p)))


def _newton_step(x: Array, labels: Array, theta: Array) -> Array | None:
    """Of the log-likelihood's maximum; None where it runs away."""
    p = 1 / (1 + np.exp(-np.clip(x @ theta, -500, 500)))
    curvature = (x * (p * (1 - p))[:, None]).T @ x
    if np.abs(theta).max() > 1e3 or np.linalg.matrix_rank(curvature) < len(theta):
        return None
    return np.asarray(np.linalg.solve(curvature, x.T @ (labels - p)))
