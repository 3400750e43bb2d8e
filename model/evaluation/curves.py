"""Points of curves over every threshold, to be drawn or searched.

labels: (B,) bool; probabilities: (B,). Positive is strictly above a threshold, as everywhere.
"""

import numpy as np

from model.arrays import Array


def counts_above(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """True positives, all called positive, and the threshold, of every different calling.

    Each (1 + distinct probabilities,), from none called to all: the threshold is the highest
    probability that is not called, −∞ where there is none.
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(labels[order])
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
    called = np.flatnonzero(last_of_tie) + 1
    thresholds = np.append(ranked[last_of_tie], -np.inf)
    return np.append(0, hits[last_of_tie]), np.append(0, called), thresholds


def roc_curve(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """1 − specificity, sensitivity, and thresholds (Fawcett 2006, §4), rows tied taken at once.

    From (0, 0) to (1, 1), joined by straight lines. Both classes must be there.
    """
    hits, called, thresholds = counts_above(labels, probabilities)
    positives = hits[-1]
    return (called - hits) / (called[-1] - positives), hits / positives, thresholds


def precision_recall_curve(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """Recall (sensitivity), precision (positive predictive value), and thresholds.

    From the first rows called to all of them; between the points it is a step, not a line (Davis
    and Goadrich 2006, §4), and the steps' area is `average_precision`. There must be a positive.
    """
    hits, called, thresholds = counts_above(labels, probabilities)
    return hits[1:] / hits[-1], hits[1:] / called[1:], thresholds[1:]


def decision_curve(
    labels: Array, probabilities: Array, thresholds: Array
) -> tuple[Array, Array, Array]:
    """Net benefit of the model, of treating all and of treating none, each (T,).

    True positives a row less false ones, each of these at the odds t / (1 − t) of the threshold
    (Vickers and Elkin 2006). thresholds: (T,), each at least 0 and below 1.
    """
    hits, called, _ = counts_above(labels, probabilities)
    rows, odds = len(labels), thresholds / (1 - thresholds)
    # As many distinct probabilities as are above the threshold: that calling's place.
    distinct = np.unique(probabilities)
    place = len(distinct) - np.searchsorted(distinct, thresholds, side="right")
    model = (hits[place] - (called - hits)[place] * odds) / rows
    treat_all = (hits[-1] - (rows - hits[-1]) * odds) / rows
    return model, treat_all, np.zeros(len(thresholds))
