"""Fit a calibration to probabilities of rows that were not learned from, or find none is needed."""

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.calibration import CLIP, Calibration, Isotonic, Temperature

FOLDS = 5
STEPS = 60  # halvings of an interval of temperatures: to float64's last digits
METHODS = ("temperature", "isotonic")


def fit_calibration(method: str, labels: Array, probabilities: Array) -> Calibration:
    """A calibration by one of METHODS, for labels (B,) bool and probabilities (B,)."""
    if labels.all() or not labels.any():
        raise DataError("calibration needs rows of both classes")
    if method == "temperature":
        return Temperature(temperature=_temperature(labels, probabilities))
    return _isotonic(labels, probabilities)


def choose_calibration(
    labels: Array, probabilities: Array, groups: Array, seed: int
) -> tuple[Calibration | None, dict[str, float]]:
    """The method with the lowest log-loss across folds of whole groups (B,), None where no one
    beats leaving probabilities as they are; and the log-loss of each, "none" among them.
    """
    drawn = np.random.default_rng(seed).permutation(groups.max() + 1) % FOLDS
    fold = drawn[groups]
    calibrated = {method: probabilities.astype(float) for method in METHODS}
    for number in range(FOLDS):
        fitted, held = fold != number, fold == number
        if labels[fitted].all() or not labels[fitted].any():
            return None, {}
        for method in METHODS:
            found = fit_calibration(method, labels[fitted], probabilities[fitted])
            calibrated[method][held] = found.apply(probabilities[held])
    losses = {"none": _log_loss(labels, probabilities)}
    losses |= {method: _log_loss(labels, each) for method, each in calibrated.items()}
    best = min(losses, key=lambda method: losses[method])
    return (None if best == "none" else fit_calibration(best, labels, probabilities)), losses


def _log_loss(labels: Array, probabilities: Array) -> float:
    """With certainty clipped, since an isotonic fit may be certain, and wrong."""
    p = np.clip(np.where(labels, probabilities, 1 - probabilities), CLIP, 1)
    return float(-np.log(p).mean())


def _temperature(labels: Array, probabilities: Array) -> float:
    """Where the log-loss over log T, which has one minimum, no longer falls."""
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    logits, signs = np.log(p / (1 - p)), np.where(labels, 1.0, -1.0)

    def slope(inverse: float) -> float:
        """D log-loss / d(1/T): convex, so this rises."""
        with np.errstate(over="ignore"):
            return float(-(signs * logits / (1 + np.exp(signs * logits * inverse))).mean())

    low, high = np.log(1e-3), np.log(1e3)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(np.exp(middle)) > 0 else (middle, high)
    return float(np.clip(np.exp(-(low + high) / 2), 1e-3, 1e3))


def _isotonic(labels: Array, probabilities: Array) -> Isotonic:
    """Pool adjacent violators (Ayer et al. 1955): means of blocks, from left to right."""
    scores, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weights=labels) / counts
    blocks: list[list[float]] = []  # share, rows, first score, last score
    for score, share, count in zip(scores.tolist(), shares.tolist(), counts.tolist(), strict=True):
        blocks.append([share, count, score, score])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            share, count, _, last = blocks.pop()
            below = blocks[-1]
            below[0] = (below[0] * below[1] + share * count) / (below[1] + count)
            below[1], below[3] = below[1] + count, last
    knots = dict(
        pair for share, _, first, last in blocks for pair in ((first, share), (last, share))
    )
    return Isotonic(scores=tuple(knots), probabilities=tuple(min(p, 1.0) for p in knots.values()))
