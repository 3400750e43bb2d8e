"""Conformal prediction sets and intervals: they include the truth in a stated share of the rows.

A set holds each label that is not too improbable compared with held-out rows of this very label, so
it includes the truth in the stated share of the rows of each label ("class-conditional", or
Mondrian). A row for which this excludes every label has the label that a higher level includes
first. An interval is as wide as the errors of held-out rows.

The share holds on average over rows like the held-out ones. Out-of-bag predictions are averages of
fewer members than the model's, so they are slightly less accurate, and the sets slightly larger.

Sources: Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World, §4.5; Lei et al.
2018, "Distribution-free predictive inference for regression" (intervals)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.explanation.held_out import HeldOutRows
from model.prediction.target import Binary, MultiLabel, Regression, Target

ROUNDING: Final = 1e-9  # (n + 1) · (1 - level) may be just below a whole number


@dataclass(frozen=True)
class Conformal:
    """Scores of held-out rows, by output.

    The score of a label is 1 minus its probability; that of a number is its absolute error.

    Attributes:
        target: The model's target.
        level: The share of rows whose set, or interval, includes the truth.
        scores: Scores in ascending order. Of a binary target two, of the rows of the negative label
            and of the positive one; of classes one each; of labels two each, of the rows where it
            is absent and of those where it is present; of numbers one each.
    """

    target: Target
    level: float
    scores: tuple[Array, ...]

    @property
    def too_few(self) -> list[str]:
        """Labels with so few held-out rows that they are in every set; numbers without limits."""
        names = self.target.names
        if isinstance(self.target, Binary):
            names = (self.target.negative, self.target.positive)
        elif isinstance(self.target, MultiLabel):
            names = tuple(name for name in names for _ in ("absent", "present"))
        few = [n for n, each in zip(names, self.scores, strict=True) if not self._excluded(each)]
        return list(dict.fromkeys(few))

    def sets(self, predictions: Array) -> list[list[list[str]]]:
        """Return the prediction sets of rows, never empty, the labels in the target's order.

        A set of a binary target or of classes is one list. Labels of a multi-label target have a
        set each, of "absent" and "present".

        Args:
            predictions: Probabilities, `(B, outputs)`.

        Returns:
            For each row, its sets: one, or one for each label.
        """
        if isinstance(self.target, Binary):
            names: Sequence[str] = (self.target.negative, self.target.positive)
        elif isinstance(self.target, MultiLabel):
            names = ("absent", "present")
        else:
            return [[each] for each in self._sets(self.scores, 1 - predictions, self.target.names)]
        of_outputs = [
            self._sets(self.scores[2 * n : 2 * n + 2], np.stack([p, 1 - p], axis=1), names)
            for n, p in enumerate(predictions.T)
        ]
        return [list(row) for row in zip(*of_outputs, strict=True)]

    def intervals(self, predictions: Array) -> Array:
        """Return the lower and upper ends of the intervals of numbers, `(B, outputs, 2)`.

        Args:
            predictions: `(B, outputs)`.
        """
        limits = np.array([self._limit(scores) for scores in self.scores])
        low, high = predictions - limits, predictions + limits
        if self.target.task == "non_negative":
            low = np.maximum(low, 0)
        return np.stack([low, high], axis=-1)

    def _excluded(self, scores: Array) -> int:
        """Return how many of the scores, and of one more, are beyond the limit."""
        return math.floor((len(scores) + 1) * (1 - self.level) + ROUNDING)

    def _limit(self, scores: Array) -> float:
        excluded = self._excluded(scores)
        return float(scores[-excluded]) if excluded else math.inf

    def _sets(
        self, of_held_out: Sequence[Array], scores: Array, names: Sequence[str]
    ) -> list[list[str]]:
        """Return the labels of each row that are not too improbable, at least the least improbable.

        Args:
            of_held_out: Scores of the held-out rows of each label.
            scores: Scores of each label, `(B, labels)`.
            names: Names of the labels.
        """
        counts = np.array([len(each) + 1 for each in of_held_out])
        below = [
            np.searchsorted(each, column)
            for each, column in zip(of_held_out, scores.T, strict=True)
        ]
        ranks = counts - np.stack(below, axis=1)
        is_in = ranks > np.array([self._excluded(each) for each in of_held_out])
        p_values = ranks / counts
        is_first = p_values == p_values.max(axis=1, keepdims=True)
        first = np.where(is_first, scores, np.inf).argmin(axis=1)  # the likeliest of equal ones
        is_in[np.arange(len(is_in)), first] |= ~is_in.any(axis=1)
        return [
            [name for name, has in zip(names, row, strict=True) if has] for row in is_in.tolist()
        ]


def conformal(target: Target, rows: HeldOutRows, level: float) -> Conformal:
    """Return the scores of held-out rows.

    Args:
        target: The model's target.
        rows: The rows, exchangeable with those to predict.
        level: The share of rows whose set, or interval, includes the truth.
    """
    if isinstance(target, Regression):
        scores = list(np.abs(rows.targets - rows.predictions).T)
    elif isinstance(target, Binary | MultiLabel):
        scores = [
            of_label
            for p, is_positive in zip(rows.predictions.T, rows.targets.T, strict=True)
            for of_label in (p[~is_positive], 1 - p[is_positive])
        ]
    else:
        classes = rows.targets[:, 0]
        scores = [1 - rows.predictions[classes == n, n] for n in range(len(target.names))]
    return Conformal(target, level, tuple(np.sort(each) for each in scores))
