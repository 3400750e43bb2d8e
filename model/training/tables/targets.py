"""The truth of a table's rows: the columns of its target, as the kind of target has them."""

from typing import Self

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.schema import Feature
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target
from model.training.recipes.sections import Data
from model.training.tables.columns import read_column, values


def read_targets(frame: pd.DataFrame, data: Data, target: Target) -> Array:
    """Targets (B, columns). Raises DataError naming line and column of a cell that is none."""
    if isinstance(target, Binary):
        return _classes(frame, data, (target.negative, target.positive)).astype(bool)
    if isinstance(target, MultiClass):
        return _classes(frame, data, target.classes)
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
    """What the targets of some rows were, so far.

    rows: how many. counts: of each class, or of each label's rows that have it. low, high
    (columns,): of numbers.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        classes = 2 if isinstance(target, Binary) else len(target.names)
        self.rows, self.counts = 0, np.zeros(classes, dtype=np.int64)
        self.low = np.full(target.columns_of_targets, np.inf)
        self.high = -self.low

    def add(self, targets: Array) -> Self:
        """Count targets (B, columns) too."""
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
        """Raise DataError where the rows, those that train, leave nothing to tell apart."""
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
                raise DataError(f"{part} rows of one value of {name!r} only")

    def balanced_class_weights(self) -> list[float]:
        """A weight a class: rows / (classes · rows of the class), 0 for one without rows.

        King and Zeng (2001).
        """
        present = np.count_nonzero(self.counts)
        each = self.rows / (present * np.maximum(self.counts, 1)) * (self.counts > 0)
        return [float(weight) for weight in each]


def rows_by_class(targets: Array, target: Target) -> dict[str, Array]:
    """Rows to set side by side, each as a mask (B,), by name.

    Those of each class or label; of a regression, thirds by its first number.
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
    return {each: third == place for place, each in enumerate(names)}


def _as_feature(name: str, target: Target) -> Feature:
    """A column of the target, read as a feature's would be; it may have any name."""
    if isinstance(target, MultiLabel):
        return Feature.model_construct(name=name, type="boolean")
    minimum = 0 if target.task == "non_negative" else None
    return Feature.model_construct(name=name, type="number", minimum=minimum)


def _classes(frame: pd.DataFrame, data: Data, classes: tuple[str, ...]) -> Array:
    """Class numbers (B, 1) of the one column."""
    name = data.targets[0]
    cells = values(frame, name)
    numbers = cells.map({each: number for number, each in enumerate(classes)})
    unknown = numbers.isna().to_numpy()
    if unknown.any():
        line = frame.index[int(unknown.argmax())]
        expected = " or ".join(map(repr, classes[:10])) + ("…" if len(classes) > 10 else "")
        raise DataError(f"line {line}, column {name!r}: must be {expected}")
    found = numbers.to_numpy(dtype=np.int64)
    return found[:, None]
