"""Thresholds with a purpose, chosen on predictions of rows that were not learned from."""

from collections.abc import Mapping

import numpy as np

from model.arrays import Array

SHARE = 0.99


def operating_points(
    labels: Array, probabilities: Array, costs: Mapping[str, float]
) -> dict[str, float]:
    """Thresholds by NAMES, for labels (B,) bool of both classes and probabilities (B,).

    balanced: the highest mean of sensitivity and specificity. sensitivity-99: the highest threshold
    that finds at least 99 % of the positive rows; specificity-99: the lowest that is right on at
    least 99 % of the negative ones. cost: the least sum of `miss` and `false_alarm`, each so much.

    Each lies halfway between two probabilities, rounded to as few decimals, 2 at the least, as call
    the same rows positive; of several that are equally good the middle one.
    Where too many positive rows have probability 0, which is above nothing, sensitivity-99 is 0.
    """
    scores = np.unique(probabilities)
    low, high = np.append(0, scores), np.append(scores, 1)
    halfway = (low + high) / 2
    thresholds = np.where(halfway < high, halfway, low)  # of neighbours among floats, the lower
    positives, negatives = np.sort(probabilities[labels]), np.sort(probabilities[~labels])
    missed = np.searchsorted(positives, thresholds, side="right")
    alarms = len(negatives) - np.searchsorted(negatives, thresholds, side="right")
    sensitivity, specificity = 1 - missed / len(positives), 1 - alarms / len(negatives)
    dearer = max(costs["miss"], costs["false_alarm"])
    cost = costs["miss"] / dearer * missed + costs["false_alarm"] / dearer * alarms
    found = {
        "balanced": _middle(thresholds, -(sensitivity + specificity)),
        "sensitivity-99": float(thresholds[np.append(0, np.flatnonzero(sensitivity >= SHARE))[-1]]),
        "specificity-99": float(thresholds[specificity >= SHARE][0]),
        "cost": _middle(thresholds, cost),
    }
    return {name: _shortened(threshold, scores) for name, threshold in found.items()}


def _middle(thresholds: Array, cost: Array) -> float:
    """The middle of the longest stretch of thresholds that cost least."""
    best = np.flatnonzero(cost <= cost.min() + 1e-12)
    stretches = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(stretches, key=lambda each: float(thresholds[each[-1]] - thresholds[each[0]]))
    return float((thresholds[longest[0]] + thresholds[longest[-1]]) / 2)


def _shortened(threshold: float, scores: Array) -> float:
    low, high = (
        scores[scores <= threshold].max(initial=0),
        scores[scores > threshold].min(initial=2),
    )
    rounded = (round(threshold, decimals) for decimals in range(2, 17))
    return next((each for each in rounded if low <= each < high and each <= 1), threshold)
