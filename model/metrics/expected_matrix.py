"""The confusion matrix that calibrated probabilities lead to expect, before any truth is known.

Confidence-based performance estimation: a row of probability p is positive with probability p, so
that it adds p to the true positives and 1 − p to the false positives, or p to the false negatives
and 1 − p to the true negatives. That is an estimate: it is right as far as the probabilities are
calibrated for the rows of the window, which no figure without truth can show.

Of several classes, a row adds the probability of each class to that class's row of the matrix, in
the column of the predicted class. The bins of single probabilities do not give these sums, so they
are counted, in thousandths.

Sources: https://nannyml.readthedocs.io/en/stable/how_it_works/performance_estimation.html;
Białek, Kivimäki, Kuberski and Perrakis, "Estimating model performance under covariate shift
without labels", 2024, https://arxiv.org/abs/2401.08348
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.probability_bins import MIDDLES
from model.metrics.proportions import WeightedMatrix

UNITS: Final = 1000  # of a probability of 1 in sums of several classes
MAX_CLASSES: Final = 50  # of a model with such sums, whose number is the square


def expected_matrix(rows: Array, first: int) -> WeightedMatrix:
    """Return the expected confusion matrix.

    Args:
        rows: Rows by bin of their probability, `(1000,)`.
        first: The first bin that is predicted positive.
    """
    positive, negative = rows * MIDDLES, rows * (1 - MIDDLES)
    return WeightedMatrix(
        true_negative=float(negative[:first].sum()),
        false_positive=float(negative[first:].sum()),
        false_negative=float(positive[:first].sum()),
        true_positive=float(positive[first:].sum()),
    )


def expected_figures(rows: Array, first: int) -> dict[str, Any]:
    """Return the expected confusion matrix and its proportions as plain JSON.

    Args:
        rows: Rows by bin of their probability, `(1000,)`.
        first: The first bin that is predicted positive.
    """
    matrix = expected_matrix(rows, first)
    return {
        "rows": int(rows.sum()),
        "confusion_matrix": matrix._asdict(),
        **{
            name: part / whole if whole else None for name, (part, whole) in matrix.shares().items()
        },
        "roc_auc": expected_roc_auc(rows),
    }


def expected_roc_auc(rows: Array) -> float | None:
    """Return the expected area under the ROC curve; None without expected rows of both classes.

    It is the probability that a positive row has a larger probability than a negative one. Rows of
    one bin count as ties.

    Args:
        rows: Rows by bin of their probability, `(1000,)`.
    """
    positive, negative = rows * MIDDLES, rows * (1 - MIDDLES)
    pairs = float(positive.sum()) * float(negative.sum())
    below = np.cumsum(negative) - negative / 2
    return float(positive @ below) / pairs if pairs else None


def expected_class_sums(predictions: Array) -> Array:
    """Return sums of probabilities by true and predicted class, in thousandths, `(C, C)`, int64.

    The probabilities of each row are rounded such that they sum to 1: those with the largest
    remainders are rounded up. Each is wrong by less than 0.001.

    Args:
        predictions: Probabilities of each class, `(B, C)`.
    """
    classes = predictions.shape[1]
    scaled = predictions * UNITS
    units = np.floor(scaled).astype(np.int64)
    order = np.argsort(units - scaled, axis=1, kind="stable")
    is_up = np.arange(classes) < UNITS - units.sum(axis=1, keepdims=True)
    np.put_along_axis(units, order, np.take_along_axis(units, order, axis=1) + is_up, axis=1)
    sums = np.zeros((classes, classes), np.int64)
    np.add.at(sums.T, predictions.argmax(axis=1), units)
    return sums


def expected_class_figures(classes: Sequence[str], sums: Array) -> dict[str, Any]:
    """Return the expected confusion matrix, accuracy, and proportions of each class as plain JSON.

    Args:
        classes: Names of the classes.
        sums: Sums of probabilities by true and predicted class, in thousandths, `(C, C)`.
    """
    matrix = sums / UNITS
    hits, total = np.diagonal(matrix), float(matrix.sum())
    proportions = {
        "sensitivity": zip(hits, matrix.sum(axis=1), strict=True),
        "positive_predictive_value": zip(hits, matrix.sum(axis=0), strict=True),
    }
    by_class: dict[str, dict[str, float | None]] = {name: {} for name in classes}
    for figure, pairs in proportions.items():
        for name, (part, whole) in zip(classes, pairs, strict=True):
            by_class[name][figure] = float(part / whole) if whole else None
    return {
        "rows": round(total),
        "confusion_matrix": matrix.tolist(),
        "accuracy": float(hits.sum()) / total if total else None,
        "classes": by_class,
    }
