"""Training rows that a model keeps, with which explanations compare a row."""

from dataclasses import dataclass
from typing import Final

from model.arrays import Array

REFERENCE_ROWS: Final = 100  # rows of a sample that stand for all of them in a costly explanation


@dataclass(frozen=True)
class TrainingSample:
    """Some training rows, at most one of each group, in random order.

    The shares of the classes are about the same in each first part of the rows, so the first
    `REFERENCE_ROWS` stand for all of them.

    Attributes:
        rows: Raw rows, `(B, F)`, float64, NaN for a missing value.
        targets: Their targets, `(B, columns)`, of the target's dtype.
    """

    rows: Array
    targets: Array
