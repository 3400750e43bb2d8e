"""Points of curves over thresholds: ROC, precision-recall and decision curves.

Part of the serving core: the service computes curves from stored predictions.

Shapes: labels `(B,)`, bool; probabilities `(B,)`. Rows strictly above a threshold are predicted
positive.
"""

import numpy as np

from model.arrays import Array


def counts_above(labels: Array, probabilities: Array, thresholds: Array) -> tuple[Array, Array]:
    """Count rows above each threshold.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        thresholds: Thresholds, `(T,)`.

    Returns:
        True positives and false positives, `(T,)` each.
    """
    positive, negative = (
        len(part) - np.searchsorted(np.sort(part), thresholds, side="right")
        for part in (probabilities[labels], probabilities[~labels])
    )
    return positive, negative


def all_counts(labels: Array, probabilities: Array) -> tuple[Array, Array]:
    """Count rows above each distinct probability, from no predicted positives to all.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        True positives and false positives, `(1 + distinct probabilities,)` each.
    """
    descending = np.append(np.unique(probabilities)[::-1], -np.inf)
    return counts_above(labels, probabilities, descending)


def binned_counts(labels: Array, places: Array, size: int) -> tuple[Array, Array]:
    """Count as `all_counts`, without sorting: for resamples of the same rows.

    Args:
        labels: True labels, `(B,)`, bool.
        places: Rank of each row's probability among the distinct ones, from the highest, `(B,)`.
        size: Number of distinct probabilities.

    Returns:
        True positives and false positives, `(1 + size,)` each.
    """
    counts = np.bincount(places + size * ~labels, minlength=2 * size).reshape(2, -1)
    hits, false = np.pad(counts.cumsum(axis=1), ((0, 0), (1, 0)))
    return hits, false


def roc_curve(hits: Array, false: Array) -> tuple[Array, Array]:
    """Return the points of the ROC curve, from (0, 0) to (1, 1), to be joined by straight lines.

    Tied rows share one point.

    Args:
        hits: True positives of `all_counts`, with both classes.
        false: False positives of `all_counts`.

    Returns:
        1 − specificity, and sensitivity.

    Source: Fawcett 2006, §4.
    """
    return false / false[-1], hits / hits[-1]


def roc_area(hits: Array, false: Array) -> float:
    """Return the area under the ROC curve, the Mann-Whitney statistic; ties count half.

    Args:
        hits: True positives of `all_counts`, with both classes.
        false: False positives of `all_counts`.

    Source: Hanley and McNeil 1982.
    """
    pairs = (np.diff(false) * (hits[1:] + hits[:-1])).sum() / 2
    return float(pairs / (int(hits[-1]) * int(false[-1])))


def precision_recall_curve(hits: Array, false: Array) -> tuple[Array, Array]:
    """Return the points of the precision-recall curve, in ascending order of recall.

    Between points the curve is a step, not a line.

    Args:
        hits: True positives of `all_counts`, with a positive.
        false: False positives of `all_counts`.

    Returns:
        Recall (sensitivity), and precision (positive predictive value).

    Source: Davis and Goadrich 2006, §4.
    """
    return hits[1:] / hits[-1], hits[1:] / np.maximum(hits + false, 1)[1:]


def precision_recall_area(hits: Array, false: Array) -> float:
    """Return the area of the steps of the precision-recall curve, the average precision.

    Args:
        hits: True positives of `all_counts`, with a positive.
        false: False positives of `all_counts`.
    """
    steps = np.diff(hits) / hits[-1]
    return float((steps * hits[1:] / np.maximum(hits + false, 1)[1:]).sum())


def net_benefit(labels: Array, probabilities: Array, thresholds: Array) -> Array:
    """Return the net benefit (TP − FP · t / (1 − t)) / B at each threshold t: the decision curve.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        thresholds: Thresholds below 1, `(T,)`.

    Source: Vickers and Elkin 2006.
    """
    hits, false = counts_above(labels, probabilities, thresholds)
    return np.asarray((hits - false * thresholds / (1 - thresholds)) / len(labels))


def net_benefit_error(labels: Array, probabilities: Array, thresholds: Array) -> Array:
    """Return the standard error of the net benefit at each threshold t.

    The net benefit is the mean over rows of x = 1 for a true positive, −w for a false positive and
    0 otherwise, with w = t / (1 − t). Its variance is (TP / B + w² · FP / B − net benefit²) / B.

    Args:
        labels: True labels, `(B,)`, bool; B is at least 1.
        probabilities: Predicted probabilities, `(B,)`.
        thresholds: Thresholds below 1, `(T,)`.

    Source: Pfeiffer and Gail 2020 (rows drawn at random, prevalence estimated from them).
    """
    hits, false = counts_above(labels, probabilities, thresholds)
    rows, odds = len(labels), thresholds / (1 - thresholds)
    mean = (hits - false * odds) / rows
    variance = (hits + false * np.square(odds)) / rows - np.square(mean)
    return np.asarray(np.sqrt(np.maximum(variance, 0) / rows))


def thinned_thresholds(labels: Array, probabilities: Array, size: int) -> Array:
    """Return distinct probabilities from the highest to the lowest, at most `size` of them.

    Of more, the ends are kept, and those at even ranks among the positive and among the negative
    rows: the points of a ROC curve are then about evenly spaced on both axes.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        size: Maximum number of thresholds, at least 4.
    """
    distinct = np.unique(probabilities)
    if len(distinct) > size:
        kept = [distinct[[0, -1]]]
        for part in (probabilities[labels], probabilities[~labels]):
            if len(part):
                ranks = np.linspace(0, len(part) - 1, (size - 2) // 2).round().astype(int)
                kept.append(np.sort(part)[ranks])
        distinct = np.unique(np.concatenate(kept))
    return distinct[::-1]
