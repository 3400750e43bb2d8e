"""Reading of the store: counts by time and version, rows, statistics."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from model.arrays import Array
from model.prediction.schema import Schema
from service.store.counting import Counts
from service.store.databases.database import Database, Row
from service.store.identifiers import first_id_of
from service.store.records import VersionKey
from service.store.truth import predictions_of

PAGE_ROWS: Final = 1000
LAST_ID: Final = b"\xff" * 16
_TIMES: Final = {
    "predictions": ("at", 1),
    "feedback": ("at", 1),
    "counts": ("hour", 3_600_000_000),
}
TABLES: Final = ("predictions", "inputs", "feedback", "counts", "versions")


@dataclass(frozen=True)
class StoredPrediction:
    """One row of an answer, or of a shadow version.

    Attributes:
        id: UUID of the answer.
        row: Number of the row in the answer.
        version: The version that predicted.
        kind: "answer" or "shadow".
        at: Unix time in microseconds.
        threshold: Decision threshold; None where the target has none.
        predictions: `(outputs,)`.
        label: The predicted label; a JSON list for several; None without one.
        imputed: Names of the features that were missing.
        key_id: Id of the API key; None without one.
        values: Raw values in the order of the features, None where missing; None if not kept.
        truth: The last truth as a JSON value; None without one.
        has_truth: Whether there is a truth.
    """

    id: bytes
    row: int
    version: VersionKey
    kind: str
    at: int
    threshold: float | None
    predictions: Array
    label: str | None
    imputed: tuple[str, ...]
    key_id: str | None
    values: list[float | None] | None
    truth: Any
    has_truth: bool


class TableStats(NamedTuple):
    """Figures of one table.

    Attributes:
        rows: Number of rows.
        oldest: Unix time of the first one in microseconds; None without a time or a row.
        newest: That of the last one.
    """

    rows: int
    oldest: int | None
    newest: int | None


def versions(database: Database) -> dict[VersionKey, Schema]:
    """Return the schemas of all versions that the store has seen."""
    found = database.execute("SELECT model, sha256, schema_json FROM versions ORDER BY id")
    return {
        VersionKey(model, sha256): Schema.model_validate_json(text) for model, sha256, text in found
    }


def counts_between(
    database: Database,
    model: str,
    start_hour: int,
    end_hour: int,
    *,
    hours: int = 1,
    offset: int = 0,
) -> dict[tuple[int, VersionKey], Counts]:
    """Return counts by interval and version.

    Args:
        database: The database.
        model: Name of the model.
        start_hour: The first hour since 1970.
        end_hour: The hour after the last one.
        hours: Hours of an interval: 1, 24, or 168 for a week.
        offset: Hours between the beginning of an interval and 1970; 72 for weeks from Monday.

    Returns:
        Counts by the first hour of the interval, and by version. Counts by hour, also those at the
        ends of an interval that does not begin or end with a day, are kept for 31 days.
    """
    found_versions = database.execute(
        "SELECT id, sha256 FROM versions WHERE model = :model", {"model": model}
    )
    keys = {number: VersionKey(model, sha256) for number, sha256 in found_versions}
    counts: dict[tuple[int, VersionKey], Counts] = {}
    for span, start, stop in _spans(start_hour, end_hour, hours, offset):
        found = database.execute(
            "SELECT (hour + :offset) / :hours AS number, version_id, kind, name, bin, "
            "CAST(sum(count) AS BIGINT) FROM counts WHERE hours = :span AND hour >= :start "
            "AND hour < :stop GROUP BY number, version_id, kind, name, bin",
            {"offset": offset, "hours": hours, "span": span, "start": start, "stop": stop},
        )
        for number, version_id, kind, name, place, count in found:
            if version_id in keys:
                key = int(number) * hours - offset, keys[version_id]
                counts.setdefault(key, Counter())[kind, name, place] += int(count)
    return counts


def _spans(start: int, stop: int, hours: int, offset: int) -> Iterator[tuple[int, int, int]]:
    """Yield spans of counts and the hours to read of them: whole days, and hours at the ends."""
    first, last = -(-start // 24) * 24, stop // 24 * 24
    if hours % 24 or offset % 24 or first >= last:
        yield 1, start, stop
        return
    yield 24, first, last
    if start < first:
        yield 1, start, first
    if last < stop:
        yield 1, last, stop


def rows_of(database: Database, id_: bytes, row: int) -> list[StoredPrediction]:
    """Return one row of an answer: of the version that answered, and of shadow versions.

    Args:
        database: The database.
        id_: UUID of the answer.
        row: Number of the row.
    """
    found = database.execute(
        f"{_SELECT} WHERE p.id = :id AND p.row = :row ORDER BY p.kind, p.version_id",
        {"id": id_, "row": row},
    )
    return [_stored(each)[1] for each in found]


def rows_between(
    database: Database, start: int = 0, end: int | None = None
) -> Iterator[StoredPrediction]:
    """Yield rows in the order of their ids, in pages, so that no lock is held between them.

    Args:
        database: The database.
        start: Unix time of the first answer in microseconds.
        end: Unix time after the last one; None for no limit.
    """
    last: tuple[bytes, int, int] = (first_id_of(start // 1000), -1, -1)
    stop = LAST_ID if end is None else first_id_of(-(-end // 1000))
    while True:
        page = database.execute(
            f"{_SELECT} WHERE (p.id, p.row, p.version_id) > (:id, :row, :version) "
            "AND p.id < :stop ORDER BY p.id, p.row, p.version_id LIMIT :size",
            {
                **dict(zip(("id", "row", "version"), last, strict=True)),
                "stop": stop,
                "size": PAGE_ROWS,
            },
        )
        for each in page:
            last, stored = _stored(each)
            if start <= stored.at and (end is None or stored.at < end):
                yield stored
        if len(page) < PAGE_ROWS:
            return


def table_stats(database: Database) -> dict[str, TableStats]:
    """Return figures of each table."""
    stats = {}
    for table in TABLES:
        column, factor = _TIMES.get(table, ("NULL", 1))
        # The names are constants of this module.
        sql = f"SELECT count(*), min({column}), max({column}) FROM {table}"  # noqa: S608  # nosec
        rows, oldest, newest = database.execute(sql)[0]
        times = (None if each is None else int(each) * factor for each in (oldest, newest))
        stats[table] = TableStats(int(rows), *times)
    return stats


_SELECT: Final = """
SELECT p.id, p.row, p.version_id, v.model, v.sha256, p.kind, p.at, p.threshold, p.prediction,
  p.outputs, p.label, p.imputed, p.key_id, i.row_values,
  (SELECT f.truth FROM feedback f WHERE f.id = p.id AND f.row = p.row
   ORDER BY f.number DESC LIMIT 1)
FROM predictions p
JOIN versions v ON v.id = p.version_id
LEFT JOIN inputs i ON i.id = p.id AND i.row = p.row
"""


def _stored(row: Row) -> tuple[tuple[bytes, int, int], StoredPrediction]:
    id_, number, version_id, model, sha256, kind, at, threshold, prediction, outputs = row[:10]
    label, imputed, key_id, values, truth = row[10:]
    stored = StoredPrediction(
        bytes(id_),
        number,
        VersionKey(model, sha256),
        kind,
        at,
        threshold,
        predictions_of(prediction, outputs),
        label,
        tuple(json.loads(imputed)) if imputed else (),
        key_id,
        None if values is None else json.loads(values),
        None if truth is None else json.loads(truth),
        truth is not None,
    )
    return (stored.id, number, version_id), stored
