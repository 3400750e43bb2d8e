"""Operating points: thresholds for a purpose, chosen on rows that the model has not trained on."""

from collections.abc import Mapping

import numpy as np

from model.arrays import Array

MIN_RATE = 0.99  # sensitivity of sensitivity-99, specificity of specificity-99


def operating_points(
    labels: Array, probabilities: Array, costs: Mapping[str, float], weights: Array | None = None
) -> dict[str, float]:
    """Choose the threshold of each operating point.

    - balanced: the highest mean of sensitivity and specificity.
    - sensitivity-99: the highest threshold with a sensitivity of at least 99 %. It is 0 if too many
      positive rows have probability 0, since a row is positive only above the threshold.
    - specificity-99: the lowest threshold with a specificity of at least 99 %.
    - cost: the lowest total cost of missed positives and false alarms.

    Among equally good thresholds, "balanced" and "cost" take the middle one. Every threshold lies
    between two neighbouring probabilities and is rounded to as few decimals, at least 2, as
    classify the same rows as positive.

    Args:
        labels: Shape (B,), bool; rows of both classes.
        probabilities: Probabilities of the positive class, shape (B,).
        costs: Cost of one `miss` and of one `false_alarm`, each above 0.
        weights: Weights of the rows, above 0, shape (B,); a row counts as often in rates and costs.
            None counts all rows alike.

    Returns:
        The thresholds by the names in OPERATING_POINTS.
    """
    scores = np.unique(probabilities)
    low, high = np.append(0, scores), np.append(scores, 1)
    halfway = (low + high) / 2
    # Between two adjacent floats there is no number: take the lower one.
    thresholds = np.where(halfway < high, halfway, low)
    weights = np.ones(len(labels)) if weights is None else weights
    misses, positives = _at_most(thresholds, probabilities[labels], weights[labels])
    hits, negatives = _at_most(thresholds, probabilities[~labels], weights[~labels])
    false_alarms = negatives - hits
    sensitivity = 1 - misses / positives
    specificity = 1 - false_alarms / negatives
    largest = max(costs["miss"], costs["false_alarm"])  # relative costs cannot overflow
    cost = costs["miss"] / largest * misses + costs["false_alarm"] / largest * false_alarms
    sensitive = np.append(0, np.flatnonzero(sensitivity >= MIN_RATE))
    found = {
        "balanced": _middle(thresholds, -(sensitivity + specificity)),
        "sensitivity-99": float(thresholds[sensitive[-1]]),
        "specificity-99": float(thresholds[specificity >= MIN_RATE][0]),
        "cost": _middle(thresholds, cost),
    }
    return {name: _rounded(threshold, scores) for name, threshold in found.items()}


def _at_most(thresholds: Array, probabilities: Array, weights: Array) -> tuple[Array, float]:
    """Return the weight of the rows with at most each threshold, and of all rows."""
    order = np.argsort(probabilities)
    totals = np.concatenate([[0.0], np.cumsum(weights[order])])
    return totals[np.searchsorted(probabilities[order], thresholds, side="right")], totals[-1]


def _middle(thresholds: Array, cost: Array) -> float:
    """Return the middle of the longest run of thresholds with the lowest cost."""
    best = np.flatnonzero(cost <= cost.min() + 1e-12)
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=lambda run: float(thresholds[run[-1]] - thresholds[run[0]]))
    return float((thresholds[longest[0]] + thresholds[longest[-1]]) / 2)


def _rounded(threshold: float, scores: Array) -> float:
    low, high = (
        scores[scores <= threshold].max(initial=0),
        scores[scores > threshold].min(initial=2),
    )
    candidates = (round(threshold, decimals) for decimals in range(2, 17))
    return next((each for each in candidates if low <= each < high and each <= 1), threshold)
