"""Rows to learn from: encoder, bags and validation rows of arrays without a schema.

Equal rows are drawn together, into a bag or among the validation rows, and count once for the
scale. So a row with weight 2 is like two equal rows, and no copy of a row that is trained on is
among the rows that end the training.
"""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.estimators.encoding import ColumnEncoder
from model.prediction.encoder import Scale
from model.training.bagging import bags_of_ensemble
from model.training.batches.rows import Rows
from model.training.draws import by_fraction


@dataclass(frozen=True, eq=False)
class LearningRows:
    """Raw rows with targets and weights above 0.

    Attributes:
        inputs: Features `(N, F)`, NaN where a value is missing.
        targets: Targets `(N,)` or `(N, outputs)`, as the loss accepts them.
        weights: `(N,)`, or None.
        are_classes: Whether targets are class numbers; parts then have equal shares of each class.
        first: Index of the first row of each kind of equal rows, `(D,)`.
        kind: Number of the kind of each row, counted from 0, `(N,)`.
    """

    inputs: Array
    targets: Array
    weights: Array | None
    are_classes: bool
    first: Array
    kind: Array

    @classmethod
    def of(
        cls, inputs: Array, targets: Array, weights: Array | None, *, are_classes: bool
    ) -> "LearningRows":
        """Leave out rows of weight 0, and find equal rows.

        Args:
            inputs: Features `(N, F)`.
            targets: Targets `(N,)` or `(N, outputs)`.
            weights: `(N,)`, or None.
            are_classes: Whether targets are class numbers.
        """
        if weights is not None and weights.any():
            kept = weights != 0
            inputs, targets, weights = inputs[kept], targets[kept], weights[kept]
        first, kind = _kinds(np.column_stack([inputs, targets]))
        return cls(inputs, targets, weights, are_classes, first, kind)

    def encoded(self, encoder: ColumnEncoder, scale: Scale | None) -> Rows:
        """Return all rows as a network takes them.

        Args:
            encoder: The encoder of the features.
            scale: The scale of the targets, or None.
        """
        inputs = encoder.encode(self.inputs).astype(self.inputs.dtype, copy=False)
        targets = self.targets
        if scale is not None:
            targets = scale.apply(targets.reshape(len(targets), -1))
        return Rows(inputs, targets, self.weights)

    def bags(self, members: int, folds: int | None, seed: int) -> Array:
        """Draw the bags of an ensemble.

        Args:
            members: K, the number of bags.
            folds: Number of folds, of which each bag leaves one out; None for bootstrap samples.
            seed: The training's seed.

        Returns:
            How often each row is in each bag, `(K, N)`.
        """
        classes = self.targets[self.first] if self.are_classes else None
        groups = np.arange(len(self.first))
        return bags_of_ensemble(members, folds, classes, groups, seed)[:, self.kind]

    def hold_out(self, fraction: float, seed: int) -> tuple["LearningRows", "LearningRows"]:
        """Split off a fraction as validation rows.

        Args:
            fraction: Share of the validation rows, between 0 and 1.
            seed: Seed of the draw.

        Returns:
            The rows that train, and the rows that validate.

        Raises:
            DataError: If one part is empty.
        """
        classes = self.targets if self.are_classes else None
        try:
            train, validates = by_fraction(fraction, classes, self.kind, len(self.kind), seed)
        except DataError:  # each class is too rare for a share: draw from all rows alike
            train, validates = by_fraction(fraction, None, self.kind, len(self.kind), seed)
        return self._take(train), self._take(validates)

    def _take(self, index: Array) -> "LearningRows":
        weights = None if self.weights is None else self.weights[index]
        inputs, targets = self.inputs[index], self.targets[index]
        return LearningRows.of(inputs, targets, weights, are_classes=self.are_classes)


def _kinds(table: Array) -> tuple[Array, Array]:
    """Number the kinds of equal rows `(N, columns)` in the order of their values.

    Neither the order of the rows nor their scale affects the numbers.

    Returns:
        Index of the first row of each kind, `(D,)`, and the kind of each row, `(N,)`.
    """
    values = np.where(np.isnan(table), np.inf, table)  # NaN equals NaN; no row holds infinity
    order = np.lexsort(values.T)
    differs = (values[order[1:]] != values[order[:-1]]).any(axis=1)
    starts = np.concatenate([[True], differs])
    kind = np.empty(len(order), int)
    kind[order] = np.cumsum(starts) - 1
    return order[starts], kind
