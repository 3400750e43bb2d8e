"""Predicted rows on their way to the store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

from model.arrays import Array
from model.prediction.predictor import Predictor
from service.store.counting import HOUR_MICROSECONDS, ModelBins, RowCounter
from service.store.identifiers import ID_BYTES, ids_of

ANSWER_BYTES: Final = 400  # memory of an encoded answer and its name, beside values and predictions
ROW_BYTES, VALUE_BYTES = 56, 40  # of a tuple and its numbers


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
    def nbytes(self) -> int:
        """Memory of the numbers."""
        return self.predictions.nbytes + self.values.nbytes

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


class EncodedAnswer:
    """A short answer to rows that `RowTables` have encoded, as the event loop leaves it.

    It has the attributes of `PredictedRows`. Those that take time to compute are for other threads.

    Args:
        version: The version that predicted.
        threshold: Decision threshold of the labels; NaN where the target has none.
        rows: The rows as parsed, B of them, for `RowTables.raw_values`.
        predictions: `(B, outputs)`, float64.
        name: Name of the answer; None if the store keeps no predictions.
        at: Time of the answer, Unix time in microseconds.
        key_id: Id of the API key; None without one.
        subject: Digest of the subject; None without one.
        keep: Called with this object when the answer is sent.
    """

    kind: Final = "answer"
    first_row: Final = 0

    __slots__ = (
        "_keep",
        "at",
        "id",
        "key_id",
        "predictions",
        "rows",
        "subject",
        "threshold",
        "version",
    )

    def __init__(
        self,
        version: StoredVersion,
        threshold: float,
        rows: Sequence[Sequence[object]],
        predictions: Array,
        name: str | None,
        at: int,
        key_id: str | None,
        subject: bytes | None,
        keep: Callable[["EncodedAnswer"], None],
    ) -> None:
        self.version, self.threshold, self.rows, self.predictions = (
            version,
            threshold,
            rows,
            predictions,
        )
        self.id, self.at, self.key_id, self.subject = name, at, key_id, subject
        self._keep = keep

    def commit(self) -> None:
        """Keep the rows (see `service.registry.recording.Recording`)."""
        self._keep(self)

    @property
    def nbytes(self) -> int:
        """Memory of the numbers, and of their objects as far as larger than those of a record."""
        rows = self.rows
        return self.predictions.nbytes + len(rows) * (ROW_BYTES + VALUE_BYTES * len(rows[0]))

    @property
    def hour(self) -> int:
        """Hours since 1970 of the answer."""
        return self.at // HOUR_MICROSECONDS

    def decoded(self) -> PredictedRows:
        """Return the answer with raw values."""
        tables = self.version.predictor.row_tables
        assert tables is not None
        return PredictedRows(
            bytes(ID_BYTES) if self.id is None else ids_of([self.id])[0],
            self.at,
            self.version,
            self.threshold,
            tables.raw_values(self.rows),
            self.predictions,
            self.key_id,
            self.subject,
        )
