"""Predicted rows on their way to the store."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, NamedTuple

from model.arrays import Array
from model.prediction.predictor import Predictor
from service.store.counting import HOUR_MICROSECONDS, ModelBins, RowCounter

RECORD_BYTES: Final = 600  # of the objects of a record, beside the numbers


class VersionKey(NamedTuple):
    """Identity of a model version.

    Attributes:
        model: Name of the model.
        sha256: SHA-256 of its artifact, hexadecimal.
    """

    model: str
    sha256: str


@dataclass(frozen=True, eq=False)
class StoredVersion:
    """A model version whose predictions are stored; made once for each loaded version.

    Attributes:
        predictor: The model.
        bins: Bins of its features and outputs; None for a model without them.
        shadow: The version that predicts the same rows after the answer; None without one.
    """

    predictor: Predictor
    bins: ModelBins | None = None
    shadow: "StoredVersion | None" = None

    @cached_property
    def key(self) -> VersionKey:
        """Identity of the version."""
        return VersionKey(self.predictor.name, self.predictor.version)

    @cached_property
    def counter(self) -> RowCounter:
        """Counts rows of this version."""
        return RowCounter(self.predictor, self.bins)

    @cached_property
    def schema_json(self) -> str:
        """The schema as JSON; with it, stored rows can be read without the artifact."""
        return self.predictor.schema.model_dump_json()


@dataclass(slots=True, eq=False)
class PredictedRows:
    """Consecutive rows of one answer. Arrays must not be views of larger ones, nor change.

    Attributes:
        id: UUID of the answer, version 7, 16 bytes.
        at: Time of the answer, Unix time in microseconds.
        version: The version that predicted.
        threshold: Decision threshold of the labels; NaN where the target has none.
        values: Raw rows, `(B, F)`, float64, NaN where missing.
        predictions: `(B, outputs)`, float64.
        key_id: Id of the API key; None without one.
        subject: Digest of the subject, see `subject_digest`; None without one.
        kind: "shadow" for rows whose predictions were not the answer.
        first_row: Number of the first row in the answer, from 0.
    """

    id: bytes
    at: int
    version: StoredVersion
    threshold: float
    values: Array
    predictions: Array
    key_id: str | None = None
    subject: bytes | None = None
    kind: Literal["answer", "shadow"] = "answer"
    first_row: int = 0

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.predictions)

    @property
    def size(self) -> int:
        """Memory, in bytes."""
        return RECORD_BYTES + self.predictions.nbytes + self.values.nbytes

    @property
    def hour(self) -> int:
        """Hours since 1970 of the answer."""
        return self.at // HOUR_MICROSECONDS

    def part(self, start: int, stop: int) -> "PredictedRows":
        """Return consecutive rows of these.

        Args:
            start: Number of the first row.
            stop: Number of the row after the last one.
        """
        return PredictedRows(
            self.id,
            self.at,
            self.version,
            self.threshold,
            self.values[start:stop],
            self.predictions[start:stop],
            self.key_id,
            self.subject,
            self.kind,
            self.first_row + start,
        )

    def as_shadow(self, predictions: Array) -> "PredictedRows":
        """Return the rows as those of the shadow version of their version.

        Args:
            predictions: Its predictions, `(B, outputs)`.
        """
        shadow = self.version.shadow
        assert shadow is not None
        return replace(self, version=shadow, predictions=predictions, kind="shadow")
