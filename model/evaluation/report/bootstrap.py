"""How far the report's curves and scores may be off: a bootstrap of a binary target's rows,
whole groups of them.

labels: (B,) bool, both of them among the rows; probabilities: (B,).
"""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Interval

RESAMPLES = 500
MAX_POINTS = 2000  # on a curve; beyond it, neighbouring probabilities share one
GRID = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Counts:
    """Positive and negative rows (..., K) at K places, from the highest probability down.

    Leading axes are resamples.
    """

    positives: Array
    negatives: Array

    def rates(self) -> tuple[Array, Array]:
        """False and true positive rate (..., K + 1), from 0 to 1."""
        false, true = self._reached(self.negatives), self._reached(self.positives)
        return false / false[..., -1:], true / true[..., -1:]

    def precisions(self) -> tuple[Array, Array]:
        """Recall and precision (..., K)."""
        true, false = self.positives.cumsum(axis=-1), self.negatives.cumsum(axis=-1)
        return true / true[..., -1:], true / np.maximum(true + false, 1)

    def area(self) -> Array:
        """Under the ROC curve (...,), as `roc_auc` has it."""
        false, true = self.rates()
        return np.asarray((np.diff(false) * (true[..., 1:] + true[..., :-1]) / 2).sum(axis=-1))

    def average_precision(self) -> Array:
        """As `metrics.average_precision` has it (...,)."""
        recall, precision = self.precisions()
        return np.asarray((np.diff(recall, prepend=0) * precision).sum(axis=-1))

    @staticmethod
    def _reached(counts: Array) -> Array:
        none = np.zeros((*counts.shape[:-1], 1))
        return np.concatenate([none, counts.cumsum(axis=-1)], axis=-1)


@dataclass(frozen=True)
class Resampled:
    """The rows' own counts, those of resamples of the rows, and the scores' 95 % intervals."""

    counts: Counts
    resamples: Counts
    intervals: dict[str, Interval]

    def roc_band(self) -> tuple[Array, Array]:
        """The sensitivity's 95 % band (101,), (101,) at the false positive rates of GRID."""
        each = zip(*self.resamples.rates(), strict=True)
        return _ends(np.array([np.interp(GRID, false, true) for false, true in each]))

    def precision_band(self) -> tuple[Array, Array]:
        """The precision's 95 % band (101,), (101,) at the recalls of GRID."""
        each = zip(*self.resamples.precisions(), strict=True)
        return _ends(np.array([at_recall(GRID, *curve) for curve in each]))


def at_recall(asked: Array, recall: Array, precision: Array) -> Array:
    """Precision at the highest threshold that reaches each recall asked for, or goes beyond."""
    return precision[np.minimum(np.searchsorted(recall, asked - 1e-12), len(recall) - 1)]


def resampled(labels: Array, probabilities: Array, groups: Array) -> Resampled:
    """Draw whole groups of rows (B,) 500 times with replacement (Efron 1979), by a fixed seed.

    Where each row is its own group, rows at the same place are the same, so it is their numbers
    that are drawn (multinomially). Resamples of one class only are left out.
    """
    values, place = np.unique(-probabilities, return_inverse=True)
    places = min(len(values), MAX_POINTS)
    place = place * places // len(values)
    cell = np.where(labels, place, places + place)
    count = np.bincount(cell, minlength=2 * places)
    generator = np.random.default_rng(0)
    members = np.unique(groups, return_inverse=True)[1]
    many = int(members.max()) + 1
    if many == len(labels):
        drawn: Array = generator.multinomial(many, count / many, size=RESAMPLES)
    else:
        drawn = np.empty((RESAMPLES, 2 * places))
        for each in drawn:
            times = np.bincount(generator.integers(many, size=many), minlength=many)
            each[:] = np.bincount(cell, weights=times[members], minlength=2 * places)
    drawn = drawn[drawn[:, :places].any(axis=1) & drawn[:, places:].any(axis=1)]
    resamples = Counts(drawn[:, :places], drawn[:, places:])

    given = np.clip(np.where(labels, probabilities, 1 - probabilities), np.finfo(float).eps, 1)
    found = {
        "roc_auc": resamples.area(),
        "average_precision": resamples.average_precision(),
    }
    for name, losses in (("log_loss", -np.log(given)), ("brier", np.square(1 - given))):
        mean = np.bincount(cell, weights=losses, minlength=2 * places) / np.maximum(count, 1)
        found[name] = drawn @ mean / drawn.sum(axis=1)
    intervals = {name: _interval(each) for name, each in found.items()}
    return Resampled(Counts(count[:places], count[places:]), resamples, intervals)


def _ends(curves: Array) -> tuple[Array, Array]:
    low, high = np.quantile(curves, (0.025, 0.975), axis=0)
    return low, high


def _interval(values: Array) -> Interval:
    # Rounded, or sums of the same shares would seem to make an interval.
    low, high = np.quantile(values, (0.025, 0.975)).round(12).tolist()
    return low, high
