"""A trained model as it is served: raw rows in, predictions out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from model.arrays import Array, as_matrix
from model.errors import ArtifactError, DataError, NetworkError
from model.network.execution.forward import Forward
from model.network.network import Network
from model.prediction.calibration import Calibration
from model.prediction.encoder import Encoder, Scale
from model.prediction.facts import validates_out_of_bag
from model.prediction.row_tables import RowTables
from model.prediction.schema import Schema
from model.prediction.schema_rules import SchemaRules
from model.prediction.training_sample import TrainingSample

# The largest chunk, in rows and in numbers, but at least MIN_PIECE_ROWS: the limit of the memory of
# encoded rows.
PIECE_ROWS: Final = 4096
PIECE_NUMBERS: Final = 2**20
MIN_PIECE_ROWS: Final = 8


def piece_rows(features: int) -> int:
    """Return the rows of one chunk: a power of two, `PIECE_ROWS` or a divisor of it."""
    limit = max(MIN_PIECE_ROWS, PIECE_NUMBERS // features)
    return min(PIECE_ROWS, 1 << limit.bit_length() - 1)


@dataclass(frozen=True)
class ScoredRows:
    """Targets and predictions of a set of rows, from which metrics at any threshold follow.

    Attributes:
        targets: True values, `(B, columns)`, of the target's dtype.
        predictions: `(B, outputs)`, float64.
        groups: Group number of each row, `(B,)`, int64; rows of one group belong together.
        imputed: Mask of the rows with imputed values, `(B,)`, bool.
    """

    targets: Array
    predictions: Array
    groups: Array
    imputed: Array

    @classmethod
    def ungrouped(cls, targets: Array, predictions: Array) -> "ScoredRows":
        """Create rows without groups and imputed values.

        Args:
            targets: `(B, columns)`, of the target's dtype.
            predictions: `(B, outputs)`, float64.
        """
        rows = len(targets)
        return cls(targets, predictions, np.arange(rows), np.zeros(rows, dtype=bool))


@dataclass(frozen=True)
class SelfTest:
    """Rows with the predictions that the model must reproduce before it is served.

    Attributes:
        rows: Raw rows, `(B, F)`, float64.
        predictions: Their predictions when the model was trained, `(B, outputs)`, float64.
    """

    rows: Array
    predictions: Array


@dataclass(frozen=True)
class Predictor:
    """A trained model with its schema, decisions and metadata. Immutable and thread-safe.

    Attributes:
        name: The model's name.
        schema: Its features and its target.
        encoder: Turns raw rows into network inputs.
        network: The network.
        theta: Its parameters, `(P,)`, or `(K, P)` of an ensemble, whose predictions are averaged.
        operating_points: Thresholds by name; empty where the target has no threshold.
        train: Targets and predictions of the training rows.
        validation: Targets and predictions of the validation rows.
        self_test: Rows with known predictions.
        target_scale: Scale of a regression's targets; its network predicts scaled numbers.
        calibration: Calibration of probabilities.
        test: Targets and predictions of the test rows, which only the final figures see; None
            without them.
        out_of_bag: Targets and out-of-bag predictions of a bagged ensemble's training rows, without
            the rows that are in every bag; None for other models.
        sample: Training rows with which explanations compare; None for a model that keeps none.
        facts: Further metadata as plain data: recipe, data, scores, library versions.
        version: SHA-256 of the artifact's file; "" before the model is saved.
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
    test: ScoredRows | None = None
    out_of_bag: ScoredRows | None = None
    sample: TrainingSample | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @property
    def title(self) -> str:
        """The model's name and the first 12 digits of its version, as in every response."""
        return f"{self.name}@{self.version[:12]}"

    @property
    def parts(self) -> dict[str, ScoredRows]:
        """The scored parts of the table by name: test (if there is one), validation and train."""
        test = {} if self.test is None else {"test": self.test}
        return test | {"validation": self.validation, "train": self.train}

    @cached_property
    def part_names(self) -> dict[str, str]:
        """The names of the parts for people, to put in front of "rows"."""
        validation = "out-of-bag" if validates_out_of_bag(self.facts) else "validation"
        return {"test": "test", "validation": validation, "train": "training"}

    @property
    def threshold(self) -> float:
        """The default operating point; NaN where the target has no threshold."""
        return self.operating_points.get("default", math.nan)

    @property
    def feature_of_input(self) -> Array:
        """The number of the feature that each input of the network belongs to, `(I,)`."""
        return self.encoder.columns[0]

    @property
    def outputs(self) -> int:
        """The number of predictions of a row."""
        return self.network.outputs

    @property
    def parameters(self) -> int:
        """The number of parameters of all members."""
        return int(self.theta.size)

    @property
    def has_probabilities(self) -> bool:
        """Whether predictions are probabilities."""
        return self.schema.target.link != "linear"

    @property
    def unit(self) -> float:
        """The spread of the targets of a regression; 1 for probabilities."""
        return 1.0 if self.target_scale is None else float(self.target_scale.spread.max())

    def predict(self, rows: Array) -> Array:
        """Predict raw rows; missing values (NaN) are imputed.

        A row's prediction is the same, to the last bit, alone and among any other rows.

        Args:
            rows: `(B, F)`, float64; they must satisfy the schema (`check_rows`).

        Returns:
            Predictions, `(B, outputs)`.

        Raises:
            NetworkError: A value is too large to be scaled.
        """
        if len(rows) > (size := self._piece_rows):
            starts = range(0, len(rows), size)
            return np.concatenate([self.predict(rows[at : at + size]) for at in starts])
        return self.predict_inputs(self.encode(rows))

    def encode(self, rows: Array) -> Array:
        """Encode raw rows `(B, F)` as inputs `(B, I)`, float64, finite in the network's dtype.

        Raises:
            NetworkError: A value is too large to be scaled.
        """
        inputs = self.encoder.encode(rows)
        if self.theta.dtype != inputs.dtype:
            as_matrix("rows", inputs, inputs.shape[1], self.theta.dtype)
        return inputs

    def predict_encoded(self, rows: Sequence[bytes]) -> Array:
        """Predict encoded rows; the same to the last bit as `predict` of their raw values.

        Args:
            rows: The bytes of at least one row, each from `encode` or `row_tables.encode`.

        Returns:
            Predictions, `(B, outputs)`.
        """
        return self.predict_inputs(np.frombuffer(b"".join(rows)).reshape(len(rows), -1))

    @cached_property
    def row_tables(self) -> RowTables | None:
        """Tables that check and encode single rows; None if the features have too many values."""
        return RowTables.for_model(self.schema, self.encoder)

    def predict_inputs(self, inputs: Array) -> Array:
        """Predict inputs `(B, I)`, as `encode` returns them.

        Returns:
            Predictions, `(B, outputs)`.
        """
        return self._finish(self._forward.mean(inputs))

    def predict_members(self, inputs: Array) -> Array:
        """Predict inputs `(B, I)` by each member of an ensemble alone.

        Returns:
            Predictions, `(K, B, outputs)`, float64; K is 1 for a single network.
        """
        members = self._forward.predict(inputs).reshape(-1, len(inputs), self.network.outputs)
        return np.stack([self._finish(member.astype(np.float64)) for member in members])

    def _finish(self, predictions: Array) -> Array:
        """Scale back, or calibrate, the network's predictions `(B, outputs)`."""
        if self.target_scale is not None:
            predictions = self.target_scale.undo(predictions)
        if self.calibration is not None:
            predictions = self.calibration.apply(predictions)
        return predictions

    @cached_property
    def _piece_rows(self) -> int:
        return piece_rows(len(self.schema.features))

    @cached_property
    def _forward(self) -> Forward:
        return self.network.bind(self.theta)

    def check_rows(self, rows: Array) -> None:
        """Check raw rows `(B, F)` against the schema.

        Raises:
            DataError: A row violates the schema. The text names the first such row and feature.
        """
        if rows.ndim != 2 or rows.shape[1] != len(self.schema.features):
            expected = len(self.schema.features)
            raise DataError(f"rows must have shape (rows, {expected}), got {rows.shape}")
        invalid = SchemaRules(self.schema.features).check(rows)
        if invalid is not None and invalid.any():
            row, column = divmod(int(invalid.argmax()), rows.shape[1])
            feature = self.schema.features[column]
            raise DataError(f"row {row}: {feature.name} {feature.rule}")

    def replay_self_test(self) -> None:
        """Predict the self-test rows and compare with their stored predictions.

        The tolerance is 1e-6, for a regression 1e-6 times the spread of the output: the matrix
        product of another processor may round differently.

        Raises:
            ArtifactError: A prediction differs by more than the tolerance.
        """
        expected = self.self_test.predictions
        try:
            with np.errstate(all="ignore"):  # overflow shows in the comparison
                actual = self.predict(self.self_test.rows)
        except NetworkError:  # inputs that are not finite
            actual = np.full_like(expected, np.nan)
        unit = 1.0 if self.target_scale is None else self.target_scale.spread
        if not (np.abs(actual - expected) <= 1e-6 * unit).all():
            raise ArtifactError("self-test failed: predictions differ from the stored ones")
