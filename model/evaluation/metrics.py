"""Figures of probabilities against true labels. labels: (B,) bool; probabilities: (B,)."""

import numpy as np

from model.arrays import Array


def roc_auc(labels: Array, probabilities: Array) -> float | None:
    """The chance that a positive row scores above a negative one, ties counting half.

    The Mann-Whitney statistic from mid-ranks (Hanley and McNeil 1982); None with one class only.
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    mid_ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = mid_ranks[labels].sum() - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def average_precision(labels: Array, probabilities: Array) -> float | None:
    """Σ (recallₙ − recallₙ₋₁) · precisionₙ over the distinct thresholds; None without positives."""
    positives = int(labels.sum())
    if not positives:
        return None
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(labels[order])
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits, called = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    gained = np.diff(hits, prepend=0) / positives
    return float((gained * hits / called).sum())


def log_loss(labels: Array, probabilities: Array) -> float:
    """Mean −log of the probability given to the true class, in nats; p kept an ε off 0 and 1."""
    epsilon = np.finfo(np.float64).eps
    p = np.clip(np.where(labels, probabilities, 1 - probabilities), epsilon, 1)
    return float(-np.log(p).mean())


def brier(labels: Array, probabilities: Array) -> float:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return float(np.square(probabilities - labels).mean())


def calibration_error(labels: Array, probabilities: Array, bins: int = 10) -> float:
    """Expected calibration error: |mean probability − share of positives|, averaged over
    equal-width bins by their number of rows (Naeini et al. 2015)."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    surplus = np.bincount(which, weights=probabilities - labels, minlength=bins)
    return float(np.abs(surplus).sum() / len(labels))


def scores(labels: Array, probabilities: Array) -> dict[str, float | None]:
    """The threshold-free figures, by the names the service answers them with."""
    return {
        "roc_auc": roc_auc(labels, probabilities),
        "average_precision": average_precision(labels, probabilities),
        "log_loss": log_loss(labels, probabilities),
        "brier": brier(labels, probabilities),
        "calibration_error": calibration_error(labels, probabilities),
    }
