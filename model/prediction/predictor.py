"""A trained model as the service uses it: raw rows in, predictions out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.errors import ArtifactError, DataError, NetworkError
from model.network.execution.forward import Forward
from model.network.network import Network
from model.prediction.calibration import Calibration
from model.prediction.encoder import Encoder, Scale
from model.prediction.schema import Schema

# Predictions are the same to the last bit however rows are handed over, if all pieces but the last
# are of a multiple of so many: those of a file read in pieces are those of its rows at once.
PIECE_ROWS: Final = 4096
# And a row alone gets what it gets among others: matrix products of so many columns, or a multiple
# of that, round alike, at least by the BLAS that NumPy's wheels bring.
WIDTH: Final = 8
PIECE_NUMBERS: Final = 2**20  # in a piece of rows of many features, which has fewer of them


def piece_rows(features: int) -> int:
    """How many rows are predicted at a time: a power of two, `PIECE_ROWS` or a part of them."""
    most = max(WIDTH, PIECE_NUMBERS // max(1, features))
    return min(PIECE_ROWS, 1 << most.bit_length() - 1)


@dataclass(frozen=True)
class ScoredRows:
    """The truth and the model's predictions of one set of rows, so that any threshold can be
    answered later.

    targets: (B, columns), of the target's dtype; predictions: (B, outputs). groups: (B,) int64,
    which rows belong together, by numbers that mean nothing else. imputed: (B,) bool, in which a
    value was missing.
    """

    targets: Array
    predictions: Array
    groups: Array
    imputed: Array

    @classmethod
    def ungrouped(cls, targets: Array, predictions: Array) -> "ScoredRows":
        """Rows each of its own group, none of them imputed."""
        rows = len(targets)
        return cls(targets, predictions, np.arange(rows), np.zeros(rows, dtype=bool))


@dataclass(frozen=True)
class SelfTest:
    """Raw rows (B, features) and the predictions (B, outputs) they gave when the model was made."""

    rows: Array
    predictions: Array


@dataclass(frozen=True)
class Predictor:
    """Everything one trained model carries. Immutable, safe from many threads at once.

    theta: (P,), or of an ensemble (K, P), whose predictions are averaged.
    target_scale: of a regression, whose network predicts scaled numbers.
    calibration: of a binary target's probabilities.
    facts: what else the artifact tells (recipe, data, scores, library versions), as plain data.
    operating_points: thresholds by name, none where the target has no threshold.
    version: the SHA-256 of the artifact it came from, "" before it was saved.
    """

    name: str
    schema: Schema
    encoder: Encoder
    network: Network
    theta: Array
    operating_points: Mapping[str, float]
    train: ScoredRows
    validation: ScoredRows
    self_test: SelfTest
    target_scale: Scale | None = None
    calibration: Calibration | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @property
    def title(self) -> str:
        """The model's name and the first 12 digits of its version, as every answer gives it."""
        return f"{self.name}@{self.version[:12]}"

    @property
    def threshold(self) -> float:
        """The artifact's own operating point; NaN where the target has no threshold."""
        return self.operating_points.get("default", math.nan)

    def predict(self, rows: Array) -> Array:
        """Predictions (B, outputs) of raw rows (B, features), NaN where a value is missing.

        The rows must keep the schema (`check_rows`); a missing value is imputed.
        """
        piece = piece_rows(rows.shape[1])
        if len(rows) > piece:
            starts = range(0, len(rows), piece)
            return np.concatenate([self.predict(rows[at : at + piece]) for at in starts])
        inputs = self.encoder.encode(rows)
        if lacking := -len(rows) % WIDTH:
            inputs = np.concatenate([inputs, np.zeros((lacking, inputs.shape[1]))])
        predictions = self._forward.mean(inputs)[: len(rows)]
        if self.target_scale is not None:
            predictions = self.target_scale.undo(predictions)
        if self.calibration is not None:
            predictions = self.calibration.apply(predictions)
        return predictions

    @cached_property
    def _forward(self) -> Forward:
        return self.network.bind(self.theta)

    def check_rows(self, rows: Array) -> None:
        """Raise DataError naming the first row and feature that does not keep the schema."""
        if rows.ndim != 2 or rows.shape[1] != len(self.schema.features):
            expected = len(self.schema.features)
            raise DataError(f"rows must have shape (rows, {expected}), got {rows.shape}")
        for column, feature in enumerate(self.schema.features):
            for row, value in enumerate(rows[:, column].tolist()):
                if not feature.accepts(value):
                    raise DataError(f"row {row}: {feature.name} {feature.rule}")

    def replay_self_test(self) -> None:
        """Raise ArtifactError unless the self-test rows give what they gave when trained.

        1e-6 apart is allowed: another processor's matrix product may round differently.
        """
        then = self.self_test.predictions
        try:
            with np.errstate(all="ignore"):  # of numbers that overflow the comparison tells
                now = self.predict(self.self_test.rows)
        except NetworkError:  # inputs that are not finite
            now = np.full_like(then, np.nan)
        # Of a regression, of its numbers' own size.
        size = 1.0 if self.target_scale is None else self.target_scale.spread
        if not (np.abs(now - then) <= 1e-6 * size).all():
            raise ArtifactError("the self-test rows do not give their expected outputs")
