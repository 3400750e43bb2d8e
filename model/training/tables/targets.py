"""Read and validate target columns; class counts and class weights."""

from typing import Self

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.schema import Feature
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target
from model.training.recipes.sections import Data
from model.training.tables.columns import read_column, text_column


def read_targets(frame: pd.DataFrame, data: Data, target: Target) -> Array:
    """Read the target columns.

    Args:
        frame: The table.
        data: The recipe's table `[data]`, which names the columns.
        target: The target.

    Returns:
        Shape (B, columns): bool for binary and multi_label, class numbers (int64) for multi_class,
        float64 for regression.

    Raises:
        DataError: If a cell is not a valid target; the text names the line and the column.
    """
    if isinstance(target, Binary):
        return _read_classes(frame, data, (target.negative, target.positive)).astype(bool)
    if isinstance(target, MultiClass):
        return _read_classes(frame, data, target.classes)
    columns = []
    for name in data.targets:
        feature = _as_feature(name, target)
        column = read_column(frame, feature)
        if np.isnan(column).any():
            line = frame.index[int(np.isnan(column).argmax())]
            raise DataError(f"line {line}, column {name!r}: {feature.rule}")
        columns.append(column)
    return np.column_stack(columns).astype(target.dtype)


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

    def check(self) -> None:
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
    names = (f"{name} to {low:.3g}", f"to {high:.3g}", f"above {high:.3g}")
    return {each: third == number for number, each in enumerate(names)}


def _as_feature(name: str, target: Target) -> Feature:
    """Return a feature to read a target column with; `model_construct` accepts any name."""
    if isinstance(target, MultiLabel):
        return Feature.model_construct(name=name, type="boolean")
    minimum = 0 if target.task == "non_negative" else None
    return Feature.model_construct(name=name, type="number", minimum=minimum)


def _read_classes(frame: pd.DataFrame, data: Data, classes: tuple[str, ...]) -> Array:
    """Read the class numbers, shape (B, 1), of the only target column."""
    name = data.targets[0]
    cells = text_column(frame, name)
    numbers = cells.map({label: number for number, label in enumerate(classes)})
    unknown = numbers.isna().to_numpy()
    if unknown.any():
        line = frame.index[int(unknown.argmax())]
        expected = " or ".join(map(repr, classes[:10])) + ("…" if len(classes) > 10 else "")
        raise DataError(f"line {line}, column {name!r}: must be {expected}")
    class_numbers = numbers.to_numpy(dtype=np.int64)
    return class_numbers[:, None]
