"""The binary confusion matrix at a threshold, and the metrics that follow from it.

Part of the serving core: the service computes metrics at any threshold from stored predictions.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.arrays import Array

Interval = tuple[float, float]
Z_95 = 1.959963984540054  # 97.5 % quantile of the standard normal distribution


def wilson_interval(successes: int, trials: int) -> Interval | None:
    """Return the 95 % Wilson score interval of a proportion.

    Args:
        successes: Number of successes, from 0 to `trials`.
        trials: Number of trials.

    Returns:
        Lower and upper end; None for 0 trials.

    Source: Wilson 1927.
    """
    if not trials:
        return None
    z2 = Z_95 * Z_95
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    half = Z_95 * spread / (1 + z2 / trials)
    # The ends are exactly 0 and 1 where all trials agree; rounding must not move them beyond.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return low, high


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of rows by true and predicted label.

    Attributes:
        true_negative: Negative rows that are predicted negative.
        false_positive: Negative rows that are predicted positive.
        false_negative: Positive rows that are predicted negative.
        true_positive: Positive rows that are predicted positive.
    """

    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int

    @classmethod
    def at(cls, threshold: float, labels: Array, probabilities: Array) -> "ConfusionMatrix":
        """Count rows at a threshold; a row is predicted positive strictly above it.

        Args:
            threshold: Decision threshold, from 0 to 1.
            labels: True labels, `(B,)`, bool.
            probabilities: Predicted probabilities, `(B,)`.
        """
        predicted = probabilities > threshold
        true_positive = int(np.count_nonzero(predicted & labels))
        positives, predicted_positive = (
            int(np.count_nonzero(labels)),
            int(np.count_nonzero(predicted)),
        )
        return cls(
            true_negative=len(labels) - positives - predicted_positive + true_positive,
            false_positive=predicted_positive - true_positive,
            false_negative=positives - true_positive,
            true_positive=true_positive,
        )

    def proportions(self) -> dict[str, tuple[int, int]]:
        """Return each proportion as (successes, trials)."""
        tn, fp = self.true_negative, self.false_positive
        fn, tp = self.false_negative, self.true_positive
        return {
            "accuracy": (tp + tn, tp + tn + fp + fn),
            "sensitivity": (tp, tp + fn),
            "specificity": (tn, tn + fp),
            "positive_predictive_value": (tp, tp + fp),
            "negative_predictive_value": (tn, tn + fn),
        }

    @property
    def f1(self) -> float | None:
        """The harmonic mean of sensitivity and positive predictive value."""
        total = 2 * self.true_positive + self.false_positive + self.false_negative
        return 2 * self.true_positive / total if total else None

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of sensitivity and specificity.

        Source: Brodersen et al. 2010, ICPR, §2.
        """
        positives = self.true_positive + self.false_negative
        negatives = self.true_negative + self.false_positive
        if not positives or not negatives:
            return None
        return (self.true_positive / positives + self.true_negative / negatives) / 2

    @property
    def matthews_correlation(self) -> float | None:
        """The correlation of true and predicted labels, from −1 to 1.

        Source: Matthews 1975, BBA 405.
        """
        tn, fp = self.true_negative, self.false_positive
        fn, tp = self.false_negative, self.true_positive
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        # Rounding must not move a perfect correlation beyond 1.
        return max(-1.0, min(1.0, (tp * tn - fp * fn) / math.sqrt(product))) if product else None

    def summary(self) -> dict[str, Any]:
        """Return counts and metrics as in a response of /metrics.

        A metric is None where its denominator is 0. `intervals` holds the 95 % Wilson interval of
        each proportion.
        """
        proportions = self.proportions()
        return {
            "rows": sum(vars(self).values()),
            "positives": self.false_negative + self.true_positive,
            "confusion_matrix": dict(vars(self)),
            **{name: k / n if n else None for name, (k, n) in proportions.items()},
            "f1": self.f1,
            "balanced_accuracy": self.balanced_accuracy,
            "matthews_correlation": self.matthews_correlation,
            "intervals": {name: wilson_interval(k, n) for name, (k, n) in proportions.items()},
        }
