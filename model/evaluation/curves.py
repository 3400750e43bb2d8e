"""Points of curves over all thresholds: ROC, precision-recall and decision curves.

Shapes: labels `(B,)`, bool; probabilities `(B,)`. Rows strictly above a threshold are predicted
positive.
"""

import numpy as np

from model.arrays import Array


def counts_above(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """Count rows above each distinct threshold.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        True positives, predicted positives and thresholds, `(1 + distinct probabilities,)` each,
        from no predicted positives to all. A threshold is the highest probability of the rows
        predicted negative, −∞ where there are none.
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(labels[order])
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
    predicted = np.flatnonzero(last_of_tie) + 1
    thresholds = np.append(ranked[last_of_tie], -np.inf)
    return np.append(0, hits[last_of_tie]), np.append(0, predicted), thresholds


def roc_curve(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """Return the points of the ROC curve, from (0, 0) to (1, 1), to be joined by straight lines.

    Tied rows share one point.

    Args:
        labels: True labels, `(B,)`, bool, with both classes.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        1 − specificity, sensitivity, and thresholds.

    Source: Fawcett 2006, §4.
    """
    hits, predicted, thresholds = counts_above(labels, probabilities)
    positives = hits[-1]
    return (predicted - hits) / (predicted[-1] - positives), hits / positives, thresholds


def precision_recall_curve(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """Return the points of the precision-recall curve, in ascending order of recall.

    Between points the curve is a step, not a line; the area of the steps is `average_precision`.

    Args:
        labels: True labels, `(B,)`, bool, with a positive.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        Recall (sensitivity), precision (positive predictive value), and thresholds.

    Source: Davis and Goadrich 2006, §4.
    """
    hits, predicted, thresholds = counts_above(labels, probabilities)
    return hits[1:] / hits[-1], hits[1:] / predicted[1:], thresholds[1:]


def decision_curve(
    labels: Array, probabilities: Array, thresholds: Array
) -> tuple[Array, Array, Array]:
    """Return the net benefit of the model, of treating all rows and of treating no row.

    The net benefit is true positives − false positives · t / (1 − t), per row.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        thresholds: Thresholds t, at least 0 and below 1, `(T,)`.

    Returns:
        Three curves, `(T,)` each.

    Source: Vickers and Elkin 2006.
    """
    hits, predicted, _ = counts_above(labels, probabilities)
    rows, odds = len(labels), thresholds / (1 - thresholds)
    # The number of distinct probabilities above a threshold is the index of its point.
    distinct = np.unique(probabilities)
    index = len(distinct) - np.searchsorted(distinct, thresholds, side="right")
    model = (hits[index] - (predicted - hits)[index] * odds) / rows
    treat_all = (hits[-1] - (rows - hits[-1]) * odds) / rows
    return model, treat_all, np.zeros(len(thresholds))
