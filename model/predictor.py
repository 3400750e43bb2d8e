"""A trained model as the service uses it: raw rows in, probabilities out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model.arrays import Array
from model.encoding import Encoder
from model.errors import ArtifactError, DataError
from model.network.network import Network
from model.schema import Schema


@dataclass(frozen=True)
class ScoredRows:
    """True labels and the model's probabilities for one set of rows, so that any threshold
    can be answered later. labels: (B,) bool; probabilities: (B,) float64."""

    labels: Array
    probabilities: Array


@dataclass(frozen=True)
class SelfTest:
    """Raw rows (B, features) and the probabilities (B,) they gave when the model was made."""

    rows: Array
    probabilities: Array


@dataclass(frozen=True)
class Predictor:
    """Everything one trained model carries. Immutable, safe from many threads at once.

    facts: what else the artifact tells (recipe, data, scores, library versions), as plain data.
    operating_points: thresholds by name; `threshold` is the name of the one in force by default.
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
    facts: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @property
    def title(self) -> str:
        """The model's name and the first 12 digits of its version, as every answer gives it."""
        return f"{self.name}@{self.version[:12]}"

    @property
    def threshold(self) -> float:
        """The artifact's own operating point."""
        return self.operating_points["default"]

    def probabilities(self, rows: Array) -> Array:
        """P(positive) (B,) of raw rows (B, features), NaN where a value is missing.

        The rows must keep the schema (`check_rows`); a missing value is imputed.
        """
        return self.network.predict(self.theta, self.encoder.encode(rows))[:, 0]

    def label(self, probability: float, threshold: float) -> str:
        """The positive label strictly above the threshold, else the negative one."""
        return self.schema.positive if probability > threshold else self.schema.negative

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
        now = self.probabilities(self.self_test.rows)
        if not np.allclose(now, self.self_test.probabilities, rtol=0, atol=1e-6):
            raise ArtifactError("the self-test rows do not give their expected outputs")
