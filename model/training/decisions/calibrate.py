"""Fit and choose a calibration on probabilities of rows that the model has not trained on."""

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.calibration import CLIP, Calibration, Isotonic, Temperature

FOLDS = 5
BISECTIONS = 60  # of an interval of temperatures: enough for all digits of float64
METHODS = ("temperature", "isotonic")


def fit_calibration(method: str, labels: Array, probabilities: Array) -> Calibration:
    """Fit a calibration.

    Args:
        method: One of METHODS.
        labels: Shape (B,), bool.
        probabilities: Predicted probabilities of the positive class, shape (B,).

    Raises:
        DataError: If the rows are all of one class.
    """
    if labels.all() or not labels.any():
        raise DataError("calibration needs rows of both classes")
    if method == "temperature":
        return Temperature(temperature=_temperature(labels, probabilities))
    return _isotonic(labels, probabilities)


def choose_calibration(
    labels: Array, probabilities: Array, groups: Array, seed: int
) -> tuple[Calibration | None, dict[str, float]]:
    """Choose the method with the lowest cross-validated log-loss, and fit it to all rows.

    Args:
        labels: Shape (B,), bool.
        probabilities: Predicted probabilities of the positive class, shape (B,).
        groups: Group numbers, shape (B,), counted from 0; a group's rows share a fold.
        seed: Seed of the 5 folds.

    Returns:
        The calibration, None if no method beats uncalibrated probabilities; and the log-loss by
        method, "none" included. The latter is empty if a fold leaves rows of one class only.
    """
    fold_of_group = np.random.default_rng(seed).permutation(groups.max() + 1) % FOLDS
    folds = fold_of_group[groups]
    calibrated = {method: probabilities.astype(float) for method in METHODS}
    for fold in range(FOLDS):
        fitted, held_out = folds != fold, folds == fold
        if labels[fitted].all() or not labels[fitted].any():
            return None, {}
        for method in METHODS:
            calibration = fit_calibration(method, labels[fitted], probabilities[fitted])
            calibrated[method][held_out] = calibration.apply(probabilities[held_out])
    losses = {"none": _log_loss(labels, probabilities)}
    losses |= {method: _log_loss(labels, each) for method, each in calibrated.items()}
    best = min(losses, key=lambda method: losses[method])
    return (None if best == "none" else fit_calibration(best, labels, probabilities)), losses


def _log_loss(labels: Array, probabilities: Array) -> float:
    """Return the mean log-loss, clipped: an isotonic fit may predict 0 or 1 and be wrong."""
    p = np.clip(np.where(labels, probabilities, 1 - probabilities), CLIP, 1)
    return float(-np.log(p).mean())


def _temperature(labels: Array, probabilities: Array) -> float:
    """Find the temperature T that minimizes the log-loss, by bisection over log T.

    The log-loss is convex in 1/T, so its slope has one zero. T is from 0.001 to 1000.

    Source: Guo et al., "On calibration of modern neural networks", 2017,
    https://arxiv.org/abs/1706.04599
    """
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    logits, signs = np.log(p / (1 - p)), np.where(labels, 1.0, -1.0)

    def slope(inverse: float) -> float:
        """Return d log-loss / d(1/T), which rises with 1/T."""
        with np.errstate(over="ignore"):
            return float(-(signs * logits / (1 + np.exp(signs * logits * inverse))).mean())

    low, high = np.log(1e-3), np.log(1e3)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(np.exp(middle)) > 0 else (middle, high)
    return float(np.clip(np.exp(-(low + high) / 2), 1e-3, 1e3))


def _isotonic(labels: Array, probabilities: Array) -> Isotonic:
    """Fit isotonic regression by pooling adjacent violators.

    Source: Ayer et al., "An empirical distribution function for sampling with incomplete
    information", 1955, https://doi.org/10.1214/aoms/1177728423
    """
    scores, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weights=labels) / counts
    blocks: list[list[float]] = []  # share of positives, rows, first score, last score
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
