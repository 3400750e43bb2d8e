"""Bootstrap intervals of the report's curves and scores, by resampling groups of rows.

Shapes: labels `(B,)`, bool, with both classes; probabilities `(B,)`.
"""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval

RESAMPLES = 500
MAX_POINTS = 2000  # on a curve; with more distinct probabilities, neighbours are merged
GRID = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Counts:
    """Counts of rows at K distinct probabilities, in descending order.

    Attributes:
        positives: Positive rows, `(..., K)`; leading axes are resamples.
        negatives: Negative rows, `(..., K)`.
    """

    positives: Array
    negatives: Array

    def rates(self) -> tuple[Array, Array]:
        """Return false and true positive rates, `(..., K + 1)`, from 0 to 1."""
        false, true = self._cumulative(self.negatives), self._cumulative(self.positives)
        return false / false[..., -1:], true / true[..., -1:]

    def precisions(self) -> tuple[Array, Array]:
        """Return recall and precision, `(..., K)`."""
        true, false = self.positives.cumsum(axis=-1), self.negatives.cumsum(axis=-1)
        return true / true[..., -1:], true / np.maximum(true + false, 1)

    def area(self) -> Array:
        """Return the area under the ROC curve, `(...,)`, which equals `metrics.roc_auc`."""
        false, true = self.rates()
        return np.asarray((np.diff(false) * (true[..., 1:] + true[..., :-1]) / 2).sum(axis=-1))

    def average_precision(self) -> Array:
        """Return the average precision, `(...,)`, which equals `metrics.average_precision`."""
        recall, precision = self.precisions()
        return np.asarray((np.diff(recall, prepend=0) * precision).sum(axis=-1))

    @staticmethod
    def _cumulative(counts: Array) -> Array:
        zero = np.zeros((*counts.shape[:-1], 1))
        return np.concatenate([zero, counts.cumsum(axis=-1)], axis=-1)


@dataclass(frozen=True)
class Resampled:
    """Counts of the rows and of their resamples, and intervals of scores.

    Attributes:
        counts: Counts of the rows.
        resamples: Counts of the resamples, `(R, K)`.
        intervals: 95 % intervals of scores, by name.
    """

    counts: Counts
    resamples: Counts
    intervals: dict[str, Interval]

    def roc_band(self) -> tuple[Array, Array]:
        """Return the 95 % band of the sensitivity at the false positive rates of GRID.

        Lower and upper ends, `(101,)` each.
        """
        curves = zip(*self.resamples.rates(), strict=True)
        return _ends(np.array([np.interp(GRID, false, true) for false, true in curves]))

    def precision_band(self) -> tuple[Array, Array]:
        """Return the 95 % band of the precision at the recalls of GRID.

        Lower and upper ends, `(101,)` each.
        """
        curves = zip(*self.resamples.precisions(), strict=True)
        return _ends(np.array([precision_at(GRID, *curve) for curve in curves]))


def precision_at(recalls: Array, recall: Array, precision: Array) -> Array:
    """Return the precision at the highest threshold that reaches each of some recalls.

    Args:
        recalls: Recalls to reach, `(T,)`.
        recall: Recall of the curve's points, `(K,)`, in ascending order.
        precision: Precision of the curve's points, `(K,)`.
    """
    return precision[np.minimum(np.searchsorted(recall, recalls - 1e-12), len(recall) - 1)]


def resample(labels: Array, probabilities: Array, groups: Array) -> Resampled:
    """Draw 500 bootstrap resamples of whole groups of rows, from a fixed seed.

    If each row is its own group, rows with equal label and probability are interchangeable, so
    their counts are drawn from a multinomial distribution. Resamples without one of the classes
    are dropped.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        groups: Group number of each row, `(B,)`.

    Source: Efron 1979.
    """
    values, position = np.unique(-probabilities, return_inverse=True)
    points = min(len(values), MAX_POINTS)
    position = position * points // len(values)
    cell = np.where(labels, position, points + position)
    count = np.bincount(cell, minlength=2 * points)
    generator = np.random.default_rng(0)
    members = np.unique(groups, return_inverse=True)[1]
    number = int(members.max()) + 1
    if number == len(labels):
        drawn: Array = generator.multinomial(number, count / number, size=RESAMPLES)
    else:
        drawn = np.empty((RESAMPLES, 2 * points))
        for counts in drawn:
            times = np.bincount(generator.integers(number, size=number), minlength=number)
            counts[:] = np.bincount(cell, weights=times[members], minlength=2 * points)
    drawn = drawn[drawn[:, :points].any(axis=1) & drawn[:, points:].any(axis=1)]
    resamples = Counts(drawn[:, :points], drawn[:, points:])

    given = np.clip(np.where(labels, probabilities, 1 - probabilities), np.finfo(float).eps, 1)
    samples = {
        "roc_auc": resamples.area(),
        "average_precision": resamples.average_precision(),
    }
    for name, losses in (("log_loss", -np.log(given)), ("brier", np.square(1 - given))):
        mean = np.bincount(cell, weights=losses, minlength=2 * points) / np.maximum(count, 1)
        samples[name] = drawn @ mean / drawn.sum(axis=1)
    intervals = {name: _interval(values) for name, values in samples.items()}
    return Resampled(Counts(count[:points], count[points:]), resamples, intervals)


def _ends(curves: Array) -> tuple[Array, Array]:
    low, high = np.quantile(curves, (0.025, 0.975), axis=0)
    return low, high


def _interval(values: Array) -> Interval:
    # Rounded, since equal values may differ by the rounding of their sums.
    low, high = np.quantile(values, (0.025, 0.975)).round(12).tolist()
    return low, high
