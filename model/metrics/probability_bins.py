"""Counts of rows by 1 000 bins of a probability, from which matrices at thresholds follow.

Bin k has the probabilities above k / 1000, up to and including (k + 1) / 1000; the first bin also
has 0. So the rows above a threshold m / 1000 are exactly those in the bins from m on. Within a bin,
probabilities are taken as its middle, which is wrong by at most 0.0005.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import ConfusionMatrix

BINS: Final = 1000
MIDDLES: Final = (np.arange(BINS) + 0.5) / BINS


def first_positive_bin(threshold: float) -> int:
    """Return the first bin above the threshold, rounded to a multiple of 0.001 from 0.001 to 1.

    Args:
        threshold: Decision threshold, from 0 to 1.
    """
    return min(BINS, max(1, round(threshold * BINS)))


@dataclass(frozen=True)
class BinnedRows:
    """Rows of one output by the bin of its probability.

    Attributes:
        rows: All rows, `(1000,)`, int64.
        positives: Rows whose truth is positive, `(1000,)`.
        negatives: Rows whose truth is negative, `(1000,)`.
    """

    rows: Array
    positives: Array
    negatives: Array

    @property
    def truth(self) -> Array:
        """Rows with truth, `(1000,)`."""
        return np.asarray(self.positives + self.negatives)

    def confusion_matrix(self, first: int) -> ConfusionMatrix:
        """Count the rows with truth.

        Args:
            first: The first bin that is predicted positive.
        """
        return ConfusionMatrix(
            true_negative=int(self.negatives[:first].sum()),
            false_positive=int(self.negatives[first:].sum()),
            false_negative=int(self.positives[:first].sum()),
            true_positive=int(self.positives[first:].sum()),
        )
