"""Proportions of a confusion matrix whose cells are sums of weights instead of counts."""

from typing import NamedTuple

import numpy as np

from model.arrays import Array

FIGURES = (
    "accuracy",
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
)


class WeightedMatrix(NamedTuple):
    """Sums of weights by true and predicted label; the cells may also be arrays of one shape.

    Attributes:
        true_negative: Negative rows that are predicted negative.
        false_positive: Negative rows that are predicted positive.
        false_negative: Positive rows that are predicted negative.
        true_positive: Positive rows that are predicted positive.
    """

    true_negative: float
    false_positive: float
    false_negative: float
    true_positive: float

    def shares(self) -> dict[str, tuple[float, float]]:
        """Return each proportion as (part, whole)."""
        tn, fp, fn, tp = self
        wholes = (tn + fp + fn + tp, tp + fn, tn + fp, tp + fp, tn + fn)
        return dict(zip(FIGURES, zip((tp + tn, tp, tn, tp, tn), wholes, strict=True), strict=True))


def shares_of_draws(tn: Array, fp: Array, fn: Array, tp: Array) -> dict[str, Array]:
    """Return each proportion of drawn matrices, `(draws,)`; NaN where the whole is 0.

    Args:
        tn: Drawn true negatives, `(draws,)`.
        fp: Drawn false positives.
        fn: Drawn false negatives.
        tp: Drawn true positives.
    """
    wholes = (tn + fp + fn + tp, tp + fn, tn + fp, tp + fp, tn + fn)
    parts = (tp + tn, tp, tn, tp, tn)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: np.asarray(part / whole)
            for name, part, whole in zip(FIGURES, parts, wholes, strict=True)
        }
