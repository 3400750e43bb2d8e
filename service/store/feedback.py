"""Ground truth: the true target of a prediction, which may arrive later and be corrected."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from model.prediction.schema import Schema
from service.store.counting import HOUR_MICROSECONDS, SHADOW_PREFIX, Counts
from service.store.databases.database import Database, StoreError
from service.store.identifiers import milliseconds_of
from service.store.retention import Retention
from service.store.truth import (
    InvalidTruth,
    predictions_of,
    truth_counts,
    truth_json,
    value_of_text,
)


class UnknownPrediction(StoreError):
    """The store has no such row: it was never answered, is not written yet, or was erased."""


class ExpiredPrediction(StoreError):
    """The row is older than the retention of predictions."""


class SeveralRows(StoreError):
    """The name of an answer of several rows states none of them."""


class Truth(NamedTuple):
    """The truth of one row.

    Attributes:
        id: UUID of the answer.
        row: Number of the row in the answer; None for the only one.
        value: The truth, a JSON value as `truth_json` describes.
        is_text: True for the text of a table's cell, as `value_of_text` describes.
    """

    id: bytes
    row: int | None
    value: Any
    is_text: bool = False


# Rows of one transaction: fewer cost more commits, and more hold the locks for longer.
CHUNK_ROWS: Final = 250
_SELECT: Final = (
    "SELECT version_id, kind, at, label, prediction, outputs, schema_json FROM predictions "
    "JOIN versions ON versions.id = version_id WHERE predictions.id = :id AND row = :row"
)

_OTHER_ROWS: Final = "SELECT 1 FROM predictions WHERE id = :id AND row > 0 LIMIT 1"

Moved = Counter[tuple[int, int, int, str, str, int]]  # by span, hour, version, kind, name, bin
Outcome = Literal["recorded", "superseded", "unchanged"]


class Recorded(NamedTuple):
    """Result of a truth.

    Attributes:
        outcome: "superseded" for another truth than before, "unchanged" for the same.
        predicted: The predicted label; None without one. Several are a JSON list.
        truth: The truth as JSON text.
    """

    outcome: Outcome
    predicted: str | None
    truth: str

    @property
    def true_label(self) -> str | None:
        """The true label; None where the truth is no single label."""
        value = json.loads(self.truth)
        return value if isinstance(value, str) else None


@dataclass
class _Row:
    """A stored prediction of one version, as feedback needs it."""

    version_id: int
    kind: str
    hour: int
    label: str | None
    predictions: Any
    schema_json: str

    def counts(self, truth: str) -> Counts:
        target = _schema(self.schema_json).target
        counts = truth_counts(target, self.predictions, self.label, truth)
        prefix = SHADOW_PREFIX if self.kind == "shadow" else ""
        return Counter({(prefix + kind, name, bin_): n for (kind, name, bin_), n in counts.items()})


def record_truth(
    database: Database,
    truth: Truth,
    *,
    at: int,
    retention: Retention,
    key_id: str | None = None,
) -> Recorded:
    """Record the truth of a row. The same truth again changes nothing; another one supersedes.

    Args:
        database: The database.
        truth: The row and its truth.
        at: Unix time in microseconds.
        retention: Days for which predictions are kept.
        key_id: Id of the API key; None without one.

    Raises:
        UnknownPrediction: There is no such row.
        ExpiredPrediction: The row is older than the retention.
        SeveralRows: The answer has several rows, and the name states none of them.
        InvalidTruth: The truth is not one of the version's target.
        StoreUnavailable: The database fails.
    """
    [result] = record_truths(database, [truth], at=at, retention=retention, key_id=key_id)
    if isinstance(result, StoreError):
        raise result
    return result


def record_truths(
    database: Database,
    truths: Sequence[Truth],
    *,
    at: int,
    retention: Retention,
    key_id: str | None = None,
) -> list[Recorded | StoreError]:
    """Record many truths, and return a result or an error of each.

    Args:
        database: The database.
        truths: Rows and their truths.
        at: Unix time in microseconds.
        retention: Days for which predictions are kept.
        key_id: Id of the API key; None without one.

    Raises:
        StoreUnavailable: The database fails; those of earlier transactions are recorded.
    """
    results: list[Recorded | StoreError] = []
    for start in range(0, len(truths), CHUNK_ROWS):
        chunk = truths[start : start + CHUNK_ROWS]
        with database.transaction():
            results += _record_chunk(database, chunk, at, retention, key_id)
    return results


def _record_chunk(
    database: Database, truths: Sequence[Truth], at: int, retention: Retention, key_id: str | None
) -> list[Recorded | StoreError]:
    # Rows are locked in one order, so that two processes do not wait for each other's rows.
    order = sorted(range(len(truths)), key=lambda each: (truths[each].id, truths[each].row or 0))
    moved: Moved = Counter()
    first_hours = retention.first_hours(at / 1e6)
    results: dict[int, Recorded | StoreError] = {}
    for number in order:
        truth = truths[number]
        try:
            if retention.is_expired(milliseconds_of(truth.id), at / 1e6):
                raise ExpiredPrediction(
                    f"the prediction is older than {retention.predictions_days:g} days, for which "
                    "predictions are kept"
                )
            results[number] = _record(database, truth, at, key_id, first_hours, moved)
        except (UnknownPrediction, ExpiredPrediction, SeveralRows, InvalidTruth) as error:
            results[number] = error  # before anything is written of this truth
    database.add_counts([(*key, count) for key, count in moved.items() if count])
    return [results[number] for number in range(len(truths))]


def _record(
    database: Database,
    truth: Truth,
    at: int,
    key_id: str | None,
    first_hours: Mapping[int, int],
    moved: Moved,
) -> Recorded:
    name = {"id": truth.id, "row": truth.row or 0}
    rows = _rows(database, name)
    answers = [each for each in rows if each.kind == "answer"]
    if truth.row is None and database.execute(_OTHER_ROWS, {"id": truth.id}):
        raise SeveralRows("must state a row, as ID.N: the answer has several rows")
    if not answers:
        raise UnknownPrediction("there is no such prediction in the store")
    target = _schema(answers[0].schema_json).target
    value = value_of_text(target, truth.value) if truth.is_text else truth.value
    text = truth_json(target, value)
    label = answers[0].label
    last = database.execute(
        "SELECT number, truth FROM feedback WHERE id = :id AND row = :row "
        "ORDER BY number DESC LIMIT 1",
        name,
    )
    number, before = last[0] if last else (0, None)
    if before == text:
        return Recorded("unchanged", label, text)
    database.execute(
        "INSERT INTO feedback (id, row, number, at, truth, key_id) "
        "VALUES (:id, :row, :number, :at, :truth, :key_id)",
        {**name, "number": number + 1, "at": at, "truth": text, "key_id": key_id},
    )
    for row in rows:
        changes = row.counts(text)
        if before is not None:
            changes.subtract(row.counts(before))
        for span, first in first_hours.items():
            start = row.hour - row.hour % span
            if start >= first:  # else the counts are no longer kept
                for key, count in changes.items():
                    moved[span, start, row.version_id, *key] += count
    return Recorded("recorded" if before is None else "superseded", label, text)


def _rows(database: Database, name: dict[str, Any]) -> list[_Row]:
    found = database.execute(_SELECT + database.for_update, name)
    return [
        _Row(
            version_id,
            kind,
            at // HOUR_MICROSECONDS,
            label,
            predictions_of(prediction, outputs),
            schema_json,
        )
        for version_id, kind, at, label, prediction, outputs, schema_json in found
    ]


@lru_cache(maxsize=16)
def _schema(text: str) -> Schema:
    return Schema.model_validate_json(text)
