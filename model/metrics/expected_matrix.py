"""The confusion matrix that calibrated probabilities lead to expect, before any truth is known.

Confidence-based performance estimation: a row of probability p is positive with probability p, so
that it adds p to the true positives and 1 − p to the false positives, or p to the false negatives
and 1 − p to the true negatives. That is an estimate: it is right as far as the probabilities are
calibrated for the rows of the window, which no figure without truth can show.

Sources: https://nannyml.readthedocs.io/en/stable/how_it_works/performance_estimation.html;
Białek, Kivimäki, Kuberski and Perrakis, "Estimating model performance under covariate shift
without labels", 2024, https://arxiv.org/abs/2401.08348
"""

from typing import Any

from model.arrays import Array
from model.metrics.probability_bins import MIDDLES
from model.metrics.proportions import WeightedMatrix


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
    }
