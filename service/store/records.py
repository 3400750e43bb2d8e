"""Predicted rows on their way to the store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

from model.arrays import Array
from model.prediction.predictor import Predictor
from service.store.counting import HOUR_MICROSECONDS, ModelBins, RowCounter
from service.store.identifiers import ID_BYTES, ids_of

# Memory of a row of a short answer, in bytes: a tuple, and each of its numbers.
ROW_BYTES: Final = 56
VALUE_BYTES: Final = 40


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


@dataclass(slots=True, eq=False)
class AnswerSource:
    """What the short answers of one version at one threshold have in common.

    Attributes:
        version: The version that predicted.
        threshold: Decision threshold of the labels; NaN where the target has none.
        keep: Called with each answer that is sent.
        row_bytes: Memory of a row and its predictions.
    """

    version: StoredVersion
    threshold: float
    keep: Callable[["ShortAnswer"], object]
    row_bytes: int


class ShortAnswer(NamedTuple):
    """A short answer to rows that `RowTables` have encoded, as the event loop leaves it.

    Attributes:
        source: What it shares with other answers.
        rows: The rows as parsed, B of them, for `RowTables.raw_values`.
        predictions: `(B, outputs)`, float64.
        id: Name of the answer; None if the store keeps no predictions.
        at: Time of the answer, Unix time in microseconds.
        key_id: Id of the API key; "" without one.
        subject: Digest of the subject; None without one.
    """

    source: AnswerSource
    rows: Sequence[Sequence[object]]
    predictions: Array
    id: str | None
    at: int
    key_id: str
    subject: bytes | None

    def commit(self) -> None:
        """Keep the rows (see `service.registry.recording.Recording`)."""
        self.source.keep(self)

    def decoded(self) -> PredictedRows:
        """Return the answer with raw values."""
        version = self.source.version
        return PredictedRows(
            bytes(ID_BYTES) if self.id is None else ids_of([self.id])[0],
            self.at,
            version,
            self.source.threshold,
            raw_values(version, self.rows),
            self.predictions,
            self.key_id or None,
            self.subject,
        )


def source_of(
    version: StoredVersion, threshold: float, keep: Callable[[ShortAnswer], object]
) -> AnswerSource:
    """Return the source of short answers.

    Args:
        version: The version that predicts.
        threshold: Decision threshold; NaN where the target has none.
        keep: Called with each answer that is sent.
    """
    schema = version.predictor.schema
    numbers = VALUE_BYTES * (len(schema.features) + len(schema.target.names))
    return AnswerSource(version, threshold, keep, ROW_BYTES + numbers)


def raw_values(version: StoredVersion, rows: Sequence[Sequence[object]]) -> Array:
    """Return the raw values of encoded rows, `(B, F)`.

    Args:
        version: The version that predicted.
        rows: The rows as parsed.
    """
    tables = version.predictor.row_tables
    assert tables is not None  # they have encoded the rows
    return tables.raw_values(rows)
