"""The reliability curve: predicted probabilities and observed frequencies, in bins.

Part of the serving core. Shapes: labels `(B,)`, bool; probabilities `(B,)`. Bins have equal widths;
a probability of 1 belongs to the last bin.
"""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval, wilson_interval


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of a reliability curve.

    Attributes:
        low: Lower end of the bin.
        high: Upper end of the bin.
        rows: Number of rows.
        positives: Number of positive rows.
        mean_probability: Mean predicted probability.
        interval: 95 % Wilson interval of the share of positives.
    """

    low: float
    high: float
    rows: int
    positives: int
    mean_probability: float
    interval: Interval

    @property
    def share_of_positives(self) -> float:
        """The observed share of positive rows."""
        return self.positives / self.rows


def reliability_curve(
    labels: Array, probabilities: Array, bins: int = 10
) -> tuple[ReliabilityBin, ...]:
    """Return the bins that have rows, in ascending order of probability.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        bins: Number of bins.
    """
    counts = (each.tolist() for each in by_bin(labels, probabilities, bins))
    curve = []
    for number, (rows, total, positives) in enumerate(zip(*counts, strict=True)):
        interval = wilson_interval(int(positives), rows)
        if interval is not None:
            low, high = number / bins, (number + 1) / bins
            curve.append(ReliabilityBin(low, high, rows, int(positives), total / rows, interval))
    return tuple(curve)


def by_bin(labels: Array, probabilities: Array, bins: int) -> tuple[Array, Array, Array]:
    """Return rows, sums of probabilities and numbers of positives, `(bins,)` each.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        bins: Number of bins.
    """
    number = bin_of(probabilities, bins)
    return (
        np.bincount(number, minlength=bins),
        np.bincount(number, weights=probabilities, minlength=bins),
        np.bincount(number, weights=labels, minlength=bins),
    )


def bin_of(probabilities: Array, bins: int) -> Array:
    """Return the number of each probability's bin, `(B,)`.

    Args:
        probabilities: Probabilities, `(B,)`.
        bins: Number of bins.
    """
    return np.asarray(np.minimum((probabilities * bins).astype(int), bins - 1))
