"""Conformal prediction sets and intervals: they include the truth in a stated share of the rows.

A set holds each label that is not too improbable compared with held-out rows of this very label, so
it includes the truth in the stated share of the rows of each label ("class-conditional", or
Mondrian). An interval is as wide as the errors of held-out rows.

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

ROUNDING: Final = 1e-9  # (n + 1) · level may be just above a whole number


@dataclass(frozen=True)
class Conformal:
    """Limits of the scores of held-out rows, by output.

    The score of a label is 1 minus its probability; that of a number is its absolute error.

    Attributes:
        target: The model's target.
        level: The share of rows whose set, or interval, includes the truth.
        limits: Limit of each score; infinite where there are too few rows. Of a binary target
            `(1, 2)`, the negative label first; of classes `(classes,)`; of labels `(labels, 2)`,
            absent first; of numbers `(outputs,)`.
    """

    target: Target
    level: float
    limits: Array

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
            return [[each] for each in _sets(predictions, self.limits, self.target.names)]
        of_outputs = [
            _sets(np.stack([1 - p, p], axis=1), limits, names)
            for p, limits in zip(predictions.T, self.limits, strict=True)
        ]
        return [list(row) for row in zip(*of_outputs, strict=True)]

    def intervals(self, predictions: Array) -> Array:
        """Return the lower and upper ends of the intervals of numbers, `(B, outputs, 2)`.

        Args:
            predictions: `(B, outputs)`.
        """
        low, high = predictions - self.limits, predictions + self.limits
        if self.target.task == "non_negative":
            low = np.maximum(low, 0)
        return np.stack([low, high], axis=-1)


def conformal(target: Target, rows: HeldOutRows, level: float) -> Conformal:
    """Return the limits of held-out rows.

    Args:
        target: The model's target.
        rows: The rows, exchangeable with those to predict.
        level: The share of rows whose set, or interval, includes the truth.
    """
    if isinstance(target, Regression):
        errors = np.abs(rows.targets - rows.predictions)
        limits = np.array([_limit(column, level) for column in errors.T])
    elif isinstance(target, Binary | MultiLabel):
        limits = np.array(
            [
                [_limit(p[~is_positive], level), _limit(1 - p[is_positive], level)]
                for p, is_positive in zip(rows.predictions.T, rows.targets.T, strict=True)
            ]
        )
    else:
        classes = rows.targets[:, 0]
        of_class = [1 - rows.predictions[classes == n, n] for n in range(len(target.names))]
        limits = np.array([_limit(scores, level) for scores in of_class])
    return Conformal(target, level, limits)


def _limit(scores: Array, level: float) -> float:
    """Return the smallest limit with the level's share of n scores and one more, if it exists."""
    place = math.ceil((len(scores) + 1) * level - ROUNDING)
    return math.inf if place > len(scores) else float(np.sort(scores)[place - 1])


def _sets(probabilities: Array, limits: Array, names: Sequence[str]) -> list[list[str]]:
    """Return each row's labels whose scores are within their limits, at least the likeliest.

    Args:
        probabilities: Of each label, `(B, labels)`.
        limits: Of the scores, `(labels,)`.
        names: Of the labels.
    """
    is_in = 1 - probabilities <= limits
    is_in[np.arange(len(is_in)), probabilities.argmax(axis=1)] |= ~is_in.any(axis=1)
    return [[name for name, has in zip(names, row, strict=True) if has] for row in is_in.tolist()]
