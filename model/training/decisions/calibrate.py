"""Fit and choose a calibration on probabilities of rows that the model has not trained on."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.network.activations.activation import sigmoid, softmax
from model.prediction.calibration import (
    CLIP,
    MAX_INTERCEPT,
    MAX_SLOPE,
    Calibration,
    Isotonic,
    Logistic,
    SoftmaxTemperature,
    Temperature,
)

FOLDS = 5
BISECTIONS = 60  # of an interval of temperatures: enough for all digits of float64
NEWTON_STEPS = 100  # at most: 5 to 10 are usual
# The methods of each task, the simplest first.
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "binary": ("temperature", "logistic", "isotonic"),
    "multi_label": ("temperature",),
    "multi_class": ("softmax_temperature",),
}


def fit_calibration(
    method: str, outcomes: Array, probabilities: Array, weights: Array | None = None
) -> Calibration:
    """Fit a calibration.

    Args:
        method: A name in METHODS.
        outcomes: Whether each label is true, bool, shape (B,) or (B, outputs); of classes one is.
        probabilities: Predicted probabilities, of the same shape.
        weights: Weights of the rows, above 0, shape (B,); None weights all rows alike.

    Raises:
        DataError: If all rows have the same outcomes.
    """
    if not _differ(outcomes):
        raise DataError("calibration needs rows of both classes")
    return _FITS[method](outcomes, probabilities, _shares(weights, len(outcomes)))


def choose_calibration(
    task: str,
    outcomes: Array,
    probabilities: Array,
    groups: Array,
    seed: int,
    weights: Array | None = None,
) -> tuple[Calibration | None, dict[str, float]]:
    """Choose a method by its cross-validated log-loss, and fit it to all rows.

    A method replaces a simpler one, and the first one no calibration, only if its log-loss is lower
    by more than one standard error of the difference, which is computed over groups.

    Args:
        task: A key of METHODS.
        outcomes: Whether each label is true, bool, shape (B,) or (B, outputs); of classes one is.
        probabilities: Predicted probabilities, of the same shape.
        groups: Group numbers, shape (B,), counted from 0; a group's rows share a fold.
        seed: Seed of the 5 folds.
        weights: Weights of the rows, above 0, shape (B,); None weights all rows alike.

    Returns:
        The calibration, None if no method is chosen; and the log-loss by method, "none" included.
        The latter is empty if the rows outside of a fold all have the same outcomes.
    """
    fold_of_group = np.random.default_rng(seed).permutation(groups.max() + 1) % FOLDS
    folds, methods = fold_of_group[groups], METHODS[task]
    calibrated = {method: probabilities.astype(float) for method in ("none", *methods)}
    for fold in range(FOLDS):
        fitted, held_out = folds != fold, folds == fold
        if not _differ(outcomes[fitted]):
            return None, {}
        for method in methods:
            some = None if weights is None else weights[fitted]
            calibration = fit_calibration(method, outcomes[fitted], probabilities[fitted], some)
            calibrated[method][held_out] = calibration.apply(probabilities[held_out])
    row_losses = _class_losses if task == "multi_class" else _label_losses
    by_row = {method: row_losses(outcomes, each) for method, each in calibrated.items()}
    shares = _shares(weights, len(outcomes))
    losses = {method: float(each @ shares) for method, each in by_row.items()}
    best = "none"
    for method in methods:
        if _exceeds_noise(by_row[best] - by_row[method], shares, groups):
            best = method
    if best == "none":
        return None, losses
    return fit_calibration(best, outcomes, probabilities, weights), losses


def _differ(outcomes: Array) -> bool:
    return bool(len(outcomes) and (outcomes != outcomes[0]).any())


def _shares(weights: Array | None, rows: int) -> Array:
    return np.full(rows, 1 / rows) if weights is None else np.asarray(weights / weights.sum())


def _exceeds_noise(gains: Array, shares: Array, groups: Array) -> bool:
    """Return whether the mean gain of the rows exceeds its standard error over groups."""
    mean = gains @ shares
    of_groups = np.bincount(groups, weights=shares * (gains - mean))
    return bool(mean > np.sqrt(np.square(of_groups).sum()))


def _label_losses(outcomes: Array, probabilities: Array) -> Array:
    """Return each row's log-loss, averaged over labels.

    Probabilities are clipped: an isotonic fit may predict 0 or 1 and be wrong.
    """
    p = np.clip(np.where(outcomes, probabilities, 1 - probabilities), CLIP, 1)
    return np.asarray(-np.log(p).reshape(len(p), -1).mean(axis=1))


def _class_losses(outcomes: Array, probabilities: Array) -> Array:
    """Return −log of each row's probability of the true class."""
    return np.asarray(-np.log(np.maximum(probabilities[outcomes], CLIP)))


def _logits(probabilities: Array) -> Array:
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    return np.asarray(np.log(p / (1 - p)))


def _temperature(outcomes: Array, probabilities: Array, shares: Array) -> Temperature:
    logits, signs = _logits(probabilities), np.where(outcomes, 1.0, -1.0)
    margins = (signs * logits).reshape(len(logits), -1)

    def slope(inverse: float) -> float:
        with np.errstate(over="ignore"):
            return float(-shares @ (margins / (1 + np.exp(margins * inverse))).mean(axis=1))

    return Temperature(temperature=_bisected(slope))


def _softmax_temperature(
    outcomes: Array, probabilities: Array, shares: Array
) -> SoftmaxTemperature:
    logits = np.log(np.maximum(probabilities, CLIP))
    true = logits[outcomes]

    def slope(inverse: float) -> float:
        expected = (softmax((inverse * logits).T).T * logits).sum(axis=1)
        return float(shares @ (expected - true))

    return SoftmaxTemperature(temperature=_bisected(slope))


def _bisected(slope: Callable[[float], float]) -> float:
    """Find the temperature T that minimizes the log-loss, by bisection over log T.

    The log-loss is convex in 1/T, so its slope has one zero. T is from 0.001 to 1000.

    Source: Guo et al., "On calibration of modern neural networks", 2017,
    https://arxiv.org/abs/1706.04599

    Args:
        slope: Computes d log-loss / d(1/T) at 1/T, which rises with 1/T.
    """
    low, high = math.log(1e-3), math.log(1e3)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(math.exp(middle)) > 0 else (middle, high)
    return min(max(math.exp(-(low + high) / 2), 1e-3), 1e3)


def _logistic(outcomes: Array, probabilities: Array, shares: Array) -> Logistic:
    """Fit slope and intercept by Newton's method, to targets that keep both finite.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; Lin et al., "A note on
    Platt's probabilistic outputs", 2007, https://doi.org/10.1007/s10994-007-5018-6
    """
    z, labels = _logits(probabilities).ravel(), outcomes.ravel()
    positives, rows = labels @ shares * len(labels), len(labels)
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (rows - positives + 2))
    columns = np.stack([z, np.ones(rows)])

    def loss(theta: Array) -> float:
        x = theta @ columns
        return float(shares @ (np.logaddexp(0, x) - targets * x))

    theta = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        p = sigmoid(theta @ columns)
        gradient = columns @ (shares * (p - targets))
        curvature = (columns * (shares * p * (1 - p))) @ columns.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size, before = 1.0, loss(theta)
        while size > 1e-10 and loss(theta - size * step) > before:
            size /= 2
        theta = theta - size * step
        if np.abs(size * step).max() < 1e-10:
            break
    slope, intercept = theta.tolist()
    if slope < 0:  # the order of the rows is worse than random: predict their mean
        mean = float(shares @ targets)
        slope, intercept = 0.0, math.log(mean / (1 - mean))
    bound = min(max(intercept, -MAX_INTERCEPT), MAX_INTERCEPT)
    return Logistic(slope=min(slope, MAX_SLOPE), intercept=bound)


def _isotonic(outcomes: Array, probabilities: Array, shares: Array) -> Isotonic:
    """Fit isotonic regression by pooling adjacent violators.

    Source: Ayer et al., "An empirical distribution function for sampling with incomplete
    information", 1955, https://doi.org/10.1214/aoms/1177728423
    """
    scores, inverse = np.unique(probabilities, return_inverse=True)
    # Of equal rows, counts are exact: equal shares of positives must not differ by rounding.
    weights = np.round(shares * len(shares), 12)
    totals = np.bincount(inverse.ravel(), weights=weights)
    positives = np.bincount(inverse.ravel(), weights=weights * outcomes.ravel()) / totals
    blocks: list[list[float]] = []  # share of positives, weight, first score, last score
    for score, share, weight in zip(
        scores.tolist(), positives.tolist(), totals.tolist(), strict=True
    ):
        blocks.append([share, weight, score, score])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            share, weight, _, last = blocks.pop()
            below = blocks[-1]
            below[0] = (below[0] * below[1] + share * weight) / (below[1] + weight)
            below[1], below[3] = below[1] + weight, last
    knots = dict(
        pair for share, _, first, last in blocks for pair in ((first, share), (last, share))
    )
    return Isotonic(scores=tuple(knots), probabilities=tuple(min(p, 1.0) for p in knots.values()))


_FITS: Final[Mapping[str, Callable[[Array, Array, Array], Calibration]]] = {
    "temperature": _temperature,
    "logistic": _logistic,
    "isotonic": _isotonic,
    "softmax_temperature": _softmax_temperature,
}
