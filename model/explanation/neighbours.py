"""Held-out rows with a similar prediction, and what was true of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.explanation.held_out import HeldOutRows
from model.metrics.confusion_matrix import wilson_interval
from model.prediction.target import MultiClass, Regression, Target

# Ends of the bins of probabilities: finer near 0 and 1, where most rows are.
BINS: Final = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
NEAREST: Final = 50  # rows with the nearest predictions of a number
MIDDLE: Final = (0.05, 0.95)


@dataclass(frozen=True)
class SimilarLabels:
    """Held-out rows whose probability of a label is in the same bin.

    Attributes:
        low: Lower end of the bin.
        high: Upper end of the bin.
        rows: Number of rows in the bin.
        positive: Number of these rows that have the label.
        interval: 95 % Wilson interval of their share; None without rows.
    """

    low: float
    high: float
    rows: int
    positive: int
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class SimilarNumbers:
    """The held-out rows whose predictions of a number are nearest.

    Attributes:
        rows: Number of rows, at most 50.
        mean: Mean of their true values; None without rows.
        low: 5 % quantile of their true values; None without rows.
        high: 95 % quantile; None without rows.
    """

    rows: int
    mean: float | None
    low: float | None
    high: float | None


def neighbours_of(
    target: Target, held_out: HeldOutRows, prediction: Array
) -> list[SimilarLabels | SimilarNumbers]:
    """Return the rows with similar predictions, by output.

    Args:
        target: The model's target.
        held_out: The rows.
        prediction: The prediction of one row, `(outputs,)`.
    """
    if isinstance(target, Regression):
        return [
            _similar_numbers(*each)
            for each in zip(held_out.targets.T, held_out.predictions.T, prediction, strict=True)
        ]
    truth = held_out.targets
    if isinstance(target, MultiClass):
        truth = truth == np.arange(len(target.classes))
    return [
        _similar_labels(*each)
        for each in zip(truth.T, held_out.predictions.T, prediction, strict=True)
    ]


def _similar_labels(truth: Array, predictions: Array, prediction: float) -> SimilarLabels:
    inner = np.array(BINS[1:-1])
    place = int(np.searchsorted(inner, prediction, side="right"))
    is_similar = np.searchsorted(inner, predictions, side="right") == place
    rows, positive = int(is_similar.sum()), int(truth[is_similar].sum())
    interval = wilson_interval(positive, rows)
    return SimilarLabels(BINS[place], BINS[place + 1], rows, positive, interval)


def _similar_numbers(truth: Array, predictions: Array, prediction: float) -> SimilarNumbers:
    nearest = np.argsort(np.abs(predictions - prediction), kind="stable")[:NEAREST]
    if not len(nearest):
        return SimilarNumbers(0, None, None, None)
    low, high = np.quantile(truth[nearest], MIDDLE).tolist()
    return SimilarNumbers(len(nearest), float(truth[nearest].mean()), low, high)
