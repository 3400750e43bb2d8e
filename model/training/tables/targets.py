"""Targets of a table: their columns, class counts and class weights."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.schema import Feature
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target
from model.training.recipes.sections import Data


def as_features(target: Target, names: Sequence[str]) -> list[Feature]:
    """Return the target columns as features, so that a target's cell is read as a feature's is.

    Args:
        target: The target.
        names: Names of its columns. `model_construct` accepts any name.
    """
    kinds: dict[str, Any]
    if isinstance(target, Binary | MultiClass):
        kinds = {"type": "category", "categories": _labels_of(target)}
    elif isinstance(target, MultiLabel):
        kinds = {"type": "boolean"}
    else:
        kinds = {"type": "number", "minimum": 0 if target.task == "non_negative" else None}
    return [Feature.model_construct(name=name, **kinds) for name in names]


def _labels_of(target: Binary | MultiClass) -> tuple[str, ...]:
    """Return the label of each class in the order of the class numbers."""
    return (target.negative, target.positive) if isinstance(target, Binary) else target.classes


class TargetStatistics:
    """Running statistics of target rows.

    Args:
        target: The target.

    Attributes:
        rows: Number of rows so far.
        counts: Rows of each class, or of each label; int64.
        low: Smallest number of each column, for regression.
        high: Largest number of each column, for regression.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        classes = 2 if isinstance(target, Binary) else len(target.names)
        self.rows, self.counts = 0, np.zeros(classes, dtype=np.int64)
        self.low = np.full(target.columns_of_targets, np.inf)
        self.high = -self.low

    def add(self, targets: Array) -> Self:
        """Add rows of targets, shape (B, columns), and return the statistics."""
        self.rows += len(targets)
        if isinstance(self._target, Binary | MultiClass):
            numbers = targets[:, 0].astype(np.int64)
            self.counts += np.bincount(numbers, minlength=len(self.counts))
        elif isinstance(self._target, MultiLabel):
            self.counts += targets.sum(axis=0)
        elif len(targets):
            self.low = np.minimum(self.low, targets.min(axis=0))
            self.high = np.maximum(self.high, targets.max(axis=0))
        return self

    def check_table(self, data: Data) -> None:
        """Check that a whole table has rows of at least two classes, if its target has classes.

        Args:
            data: The file and the target columns, for the error text.

        Raises:
            DataError: If it has no rows, or rows of one class only.
        """
        if not isinstance(self._target, Binary | MultiClass):
            return
        if not self.rows:
            raise DataError(
                f"{data.file.name}: no row is left: every row has a missing value or a label "
                'that is left out; data.missing = "median" keeps the former'
            )
        if np.count_nonzero(self.counts) == 1:
            only = f"one class only ({_labels_of(self._target)[int(self.counts.argmax())]!r})"
            where = f"{data.file.name}: column {data.targets[0]!r}"
            raise DataError(f"{where} holds {only}, two are needed")

    def check_training(self) -> None:
        """Check that a model can learn from these training rows.

        Raises:
            DataError: If a class has no rows, or a column has the same value in all rows.
        """
        target, part = self._target, "split.train holds"
        if isinstance(target, Binary):
            if not self.counts.all():
                raise DataError(f"{part} one class only, two are needed to learn from")
        elif isinstance(target, MultiClass):
            if not self.counts.all():
                name = target.classes[int(self.counts.argmin())]
                raise DataError(f"{part} no row of class {name!r}, it cannot be learned")
        else:
            varies = self.low < self.high
            if isinstance(target, MultiLabel):
                varies = (self.counts > 0) & (self.counts < self.rows)
            if not varies.all():
                name = target.names[int(varies.argmin())]
                raise DataError(f"{part} rows of one value of {name!r} only, two are needed")

    def balanced_class_weights(self) -> list[float]:
        """Return one weight per class: rows / (classes · rows of the class); 0 without rows.

        Source: King and Zeng, "Logistic regression in rare events data", 2001,
        https://doi.org/10.1093/oxfordjournals.pan.a004868
        """
        present = np.count_nonzero(self.counts)
        weights = self.rows / (present * np.maximum(self.counts, 1)) * (self.counts > 0)
        return [float(weight) for weight in weights]


def rows_by_class(targets: Array, target: Target) -> dict[str, Array]:
    """Group rows for a comparison.

    The groups are the classes or labels; for a regression, thirds by its first number.

    Args:
        targets: Shape (B, columns).
        target: The target.

    Returns:
        A mask (B,) of the rows for each group, by name.
    """
    if isinstance(target, Binary):
        return {target.negative: ~targets[:, 0], target.positive: targets[:, 0]}
    if isinstance(target, MultiClass):
        return {name: targets[:, 0] == number for number, name in enumerate(target.classes)}
    if isinstance(target, MultiLabel):
        return dict(zip(target.labels, targets.T, strict=True))
    assert isinstance(target, Regression)
    low, high = np.quantile(targets[:, 0], (1 / 3, 2 / 3))
    name, third = target.outputs[0], (targets[:, 0] > low).astype(int) + (targets[:, 0] > high)
    least, most = (f"{float(f'{each:.3g}'):g}" for each in (low, high))
    names = (f"{name} to {least}", f"to {most}", f"above {most}")
    return {each: third == number for number, each in enumerate(names)}
