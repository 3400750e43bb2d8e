"""The confusion matrix at a threshold, and what follows from it.

In the serving core, because the service answers for any threshold from the stored scores.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.arrays import Array

Interval = tuple[float, float]
Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile


def wilson_interval(successes: int, trials: int) -> Interval | None:
    """The 95 % interval of a proportion (Wilson 1927); None without trials."""
    if not trials:
        return None
    z2 = Z_95 * Z_95
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    half = Z_95 * spread / (1 + z2 / trials)
    # The ends are exact where every trial agrees; rounding must not push them past 0 or 1.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return low, high


@dataclass(frozen=True)
class ConfusionMatrix:
    """How many rows of each true class were given each label."""

    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int

    @classmethod
    def at(cls, threshold: float, labels: Array, probabilities: Array) -> "ConfusionMatrix":
        """labels: (B,) booleans; probabilities: (B,). Positive is strictly above the threshold."""
        called = probabilities > threshold
        true_positive = int(np.count_nonzero(called & labels))
        positives, called_positive = int(np.count_nonzero(labels)), int(np.count_nonzero(called))
        return cls(
            true_negative=len(labels) - positives - called_positive + true_positive,
            false_positive=called_positive - true_positive,
            false_negative=positives - true_positive,
            true_positive=true_positive,
        )

    def proportions(self) -> dict[str, tuple[int, int]]:
        """Each proportion as (successes, trials)."""
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
        """The mean of sensitivity and specificity (Brodersen et al. 2010, ICPR, §2)."""
        positives = self.true_positive + self.false_negative
        negatives = self.true_negative + self.false_positive
        if not positives or not negatives:
            return None
        return (self.true_positive / positives + self.true_negative / negatives) / 2

    @property
    def matthews_correlation(self) -> float | None:
        """The correlation of labels and calls, −1 to 1 (Matthews 1975, BBA 405)."""
        tn, fp = self.true_negative, self.false_positive
        fn, tp = self.false_negative, self.true_positive
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        # Rounding must not push a perfect agreement past 1.
        return max(-1.0, min(1.0, (tp * tn - fp * fn) / math.sqrt(product))) if product else None

    def summary(self) -> dict[str, Any]:
        """The matrix and its figures as /metrics answers them; None where there is no denominator.

        `intervals` holds the 95 % Wilson interval of each proportion.
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
