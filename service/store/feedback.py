"""Ground truth: the true target of a prediction, which may arrive later and be corrected."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from model.prediction.schema import Schema
from service.store.counting import HOUR_MICROSECONDS, SHADOW_PREFIX, Counts
from service.store.database import Database, StoreError
from service.store.identifiers import milliseconds_of
from service.store.retention import Retention
from service.store.truth import InvalidTruth, predictions_of, truth_counts, truth_json


class UnknownPrediction(StoreError):
    """The store has no such row: it was never answered, is not written yet, or was erased."""


class ExpiredPrediction(StoreError):
    """The row is older than the retention of predictions."""


class Truth(NamedTuple):
    """The truth of one row.

    Attributes:
        id: UUID of the answer.
        row: Number of the row in the answer.
        value: The truth, a JSON value as `truth_json` describes.
    """

    id: bytes
    row: int
    value: Any


_SELECT: Final = (
    "SELECT version_id, kind, at, label, prediction, outputs, schema_json FROM predictions "
    "JOIN versions ON versions.id = version_id WHERE predictions.id = :id AND row = :row"
)

Outcome = Literal["recorded", "superseded", "unchanged"]


class Recorded(NamedTuple):
    """Result of a truth.

    Attributes:
        outcome: "superseded" for another truth than before, "unchanged" for the same.
        predicted: The predicted label; None without one.
        truth: The truth as JSON text.
    """

    outcome: Outcome
    predicted: str | None
    truth: str


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
        InvalidTruth: The truth is not one of the version's target.
    """
    if retention.is_expired(milliseconds_of(truth.id), at / 1e6):
        raise ExpiredPrediction(
            f"the prediction is older than {retention.predictions_days:g} days, for which "
            "predictions are kept"
        )
    with database.transaction():
        return _record(database, truth, at, key_id, retention.first_hours(at / 1e6))


def record_truths(
    database: Database,
    truths: Iterable[Truth],
    *,
    at: int,
    retention: Retention,
    key_id: str | None = None,
) -> list[Recorded | StoreError]:
    """Record many truths, each in its own transaction, and return a result or an error of each.

    Args:
        database: The database.
        truths: Rows and their truths.
        at: Unix time in microseconds.
        retention: Days for which predictions are kept.
        key_id: Id of the API key; None without one.

    Raises:
        StoreUnavailable: The database fails; those before are recorded.
    """
    results: list[Recorded | StoreError] = []
    for truth in truths:
        try:
            found = record_truth(database, truth, at=at, retention=retention, key_id=key_id)
            results.append(found)
        except (UnknownPrediction, ExpiredPrediction, InvalidTruth) as error:
            results.append(error)
    return results


def _record(
    database: Database, truth: Truth, at: int, key_id: str | None, first_hours: dict[int, int]
) -> Recorded:
    name = {"id": truth.id, "row": truth.row}
    rows = _rows(database, name)
    answers = [each for each in rows if each.kind == "answer"]
    if not answers:
        raise UnknownPrediction("there is no such prediction in the store")
    text = truth_json(_schema(answers[0].schema_json).target, truth.value)
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
    moved: Counter[tuple[int, int, int, str, str, int]] = Counter()
    for row in rows:
        changes = row.counts(text)
        if before is not None:
            changes.subtract(row.counts(before))
        for span, first in first_hours.items():
            start = row.hour - row.hour % span
            if start >= first:  # else the counts are no longer kept
                for key, count in changes.items():
                    moved[span, start, row.version_id, *key] += count
    database.add_counts([(*key, count) for key, count in moved.items() if count])
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
