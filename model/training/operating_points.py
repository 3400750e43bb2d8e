"""Thresholds with a purpose, chosen on predictions of rows that were not learned from."""

from collections.abc import Mapping

import numpy as np

from model.arrays import Array

NAMES = ("balanced", "sensitivity-99", "specificity-99", "cost")
SHARE = 0.99


def operating_points(
    labels: Array, probabilities: Array, costs: Mapping[str, float]
) -> dict[str, float]:
    """Thresholds by NAMES, for labels (B,) bool of both classes and probabilities (B,).

    balanced: the highest mean of sensitivity and specificity. sensitivity-99: the highest threshold
    that finds at least 99 % of the positive rows; specificity-99: the lowest that is right on at
    least 99 % of the negative ones. cost: the least sum of `miss` and `false_alarm`, each so much.

    Each lies halfway between two probabilities; of several that are equally good the middle one.
    """
    scores = np.unique(probabilities)
    thresholds = np.concatenate([[scores[0] / 2], (scores[:-1] + scores[1:]) / 2])
    thresholds = np.append(thresholds, (scores[-1] + 1) / 2)
    positives, negatives = np.sort(probabilities[labels]), np.sort(probabilities[~labels])
    missed = np.searchsorted(positives, thresholds, side="right")
    alarms = len(negatives) - np.searchsorted(negatives, thresholds, side="right")
    sensitivity, specificity = 1 - missed / len(positives), 1 - alarms / len(negatives)
    cost = costs["miss"] * missed + costs["false_alarm"] * alarms
    found = {
        "balanced": _middle(thresholds, -(sensitivity + specificity)),
        "sensitivity-99": float(thresholds[sensitivity >= SHARE][-1]),
        "specificity-99": float(thresholds[specificity >= SHARE][0]),
        "cost": _middle(thresholds, cost),
    }
    return {name: min(max(each, 0.0), 1.0) for name, each in found.items()}


def _middle(thresholds: Array, cost: Array) -> float:
    """The middle of the longest stretch of thresholds that cost least."""
    best = np.flatnonzero(cost <= cost.min() + 1e-12)
    stretches = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(stretches, key=lambda each: float(thresholds[each[-1]] - thresholds[each[0]]))
    return float((thresholds[longest[0]] + thresholds[longest[-1]]) / 2)
