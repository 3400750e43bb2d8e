"""Predicted rows on their way to the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final, Literal, NamedTuple

from model.arrays import Array
from model.prediction.predictor import Predictor
from service.store.counting import HOUR_MICROSECONDS, ModelBins, RowCounter
from service.store.identifiers import ID_BYTES, ids_of

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
    """

    predictor: Predictor
    bins: ModelBins | None = None

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


class ShortAnswer(NamedTuple):
    """A short answer to rows that `RowTables` have encoded.

    Attributes:
        version: The version that predicted.
        threshold: Decision threshold of the labels; NaN where the target has none.
        rows: The rows as parsed, B of them.
        predictions: `(B, outputs)`, float64.
        id: Name of the answer; None if the store keeps no predictions.
        at: Time of the answer, Unix time in nanoseconds.
        key_id: Id of the API key; "" without one.
        subject: Digest of the subject; None without one.
    """

    version: StoredVersion
    threshold: float
    rows: Sequence[Sequence[object]]
    predictions: Array
    id: str | None
    at: int
    key_id: str
    subject: bytes | None

    def decoded(self) -> PredictedRows:
        """Return the answer with raw values."""
        tables = self.version.predictor.row_tables
        assert tables is not None  # they have encoded the rows
        return PredictedRows(
            bytes(ID_BYTES) if self.id is None else ids_of([self.id])[0],
            self.at // 1000,
            self.version,
            self.threshold,
            tables.raw_values([*chain.from_iterable(self.rows)]),
            self.predictions,
            self.key_id or None,
            self.subject,
        )
