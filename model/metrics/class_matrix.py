"""Accuracy and proportions of each class from a confusion matrix of counts, weighted or not."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval, wilson_interval
from model.metrics.verification import DRAWS, PRIOR


def class_figures(
    classes: Sequence[str], matrix: Array, rows: Array | None, *, known: bool
) -> dict[str, Any]:
    """Return the confusion matrix, accuracy, and proportions of each class as plain JSON.

    With `rows`, a row with truth stands for as many rows as there are for each truth of its
    predicted class (Begg and Greenes 1983, as in `model.metrics.verification`); the accuracy then
    has an interval by Jeffreys' prior for each predicted class, and sensitivities have none.

    Args:
        classes: Names of the classes.
        matrix: Counts of rows with truth, true classes by predicted ones, `(C, C)`.
        rows: Rows by predicted class, `(C,)`; None without weights.
        known: False if accuracy and sensitivities are not known.
    """
    truth = matrix.sum(axis=0)
    weighted: Array = matrix
    if rows is not None:
        rows = np.maximum(rows, truth)
        weighted = matrix * (rows / np.maximum(truth, 1))
    hits, total = float(weighted.trace()), float(weighted.sum())
    interval = None
    if known and total:
        interval = (
            wilson_interval(int(hits), int(total))
            if rows is None
            else _accuracy_interval(matrix, rows, hits / total)
        )
    by_class = {}
    for number, name in enumerate(classes):
        hit, true = float(weighted[number, number]), float(weighted[number].sum())
        counts = int(matrix[number, number]), int(matrix[number].sum())
        by_class[name] = {
            "sensitivity": {
                "value": hit / true if known and true else None,
                "interval": wilson_interval(*counts) if known and rows is None else None,
            },
            "positive_predictive_value": {
                "value": counts[0] / int(truth[number]) if truth[number] else None,
                "interval": wilson_interval(counts[0], int(truth[number])),
            },
        }
    return {
        "confusion_matrix": weighted.tolist(),
        "accuracy": {"value": hits / total if known and total else None, "interval": interval},
        "classes": by_class,
    }


def _accuracy_interval(matrix: Array, rows: Array, value: float) -> Interval:
    hits, truth = np.diagonal(matrix), matrix.sum(axis=0)
    generator = np.random.default_rng(0)  # the same counts have the same interval
    shares = generator.beta(hits + PRIOR, truth - hits + PRIOR, (DRAWS, len(rows)))
    drawn = hits + generator.binomial(rows - truth, shares)
    low, high = np.quantile(drawn.sum(axis=1) / rows.sum(), (0.025, 0.975))
    return min(float(low), value), max(float(high), value)
