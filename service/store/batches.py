"""A batch as rows of the tables, and the transaction that writes it."""

import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Literal

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from model.prediction.target import MultiLabel, Regression, Target
from service.store.counting import SPANS, Counts
from service.store.databases.database import Database, Row
from service.store.records import PredictedRows, StoredVersion, VersionKey
from service.store.row_queue import Batch, counts_of

Keeps = Literal["counts", "predictions", "inputs"]
ERASURE_MARGIN: Final = 3_600_000_000  # µs, by which the clocks of two processes may differ
PREDICTION_COLUMNS: Final = (
    *("id", "row", "version_id", "kind", "at", "threshold", "prediction", "outputs", "label"),
    *("imputed", "key_id", "subject"),
)
INPUT_COLUMNS: Final = ("id", "row", "row_values")


@dataclass
class PreparedBatch:
    """The rows of a batch; they are made once and written until it succeeds.

    Attributes:
        number: Number of the batch in its process.
        predictions: Rows of the table `predictions` by version, with a hole for its number.
        inputs: Rows of the table `inputs`.
        counts: Counts by hour and version.
        versions: The versions.
        earliest: Time of the first answer, Unix time in microseconds.
        attempts: Number of attempts to write it.
    """

    number: int
    predictions: dict[VersionKey, list[list[Any]]] = field(default_factory=dict)
    inputs: list[Row] = field(default_factory=list)
    counts: dict[tuple[int, VersionKey], Counts] = field(default_factory=dict)
    versions: dict[VersionKey, StoredVersion] = field(default_factory=dict)
    earliest: int = 2**62
    attempts: int = 0


def prepare(batch: Batch, number: int, keeps: Keeps) -> PreparedBatch:
    """Count the rows of a batch, and turn them into rows of the tables.

    Args:
        batch: The batch.
        number: Its number in this process.
        keeps: Value of the setting `store_keeps`.
    """
    prepared = PreparedBatch(number)
    for (hour, version), counts in batch.counted.items():
        prepared.versions[version.key] = version
        prepared.counts.setdefault((hour, version.key), Counter()).update(counts)
    for group in _groups(batch.records):
        _add_group(prepared, group, keeps)
    return prepared


def write(
    database: Database, prepared: PreparedBatch, writer: bytes, known: dict[VersionKey, int]
) -> None:
    """Write a batch in one transaction; a batch that was committed before is not written again.

    Args:
        database: The database.
        prepared: The batch.
        writer: Id of this process's writer.
        known: Numbers of versions in the database; new ones are added after the commit.
    """
    now = time.time_ns() // 1000
    new: dict[VersionKey, int] = {}
    prepared.attempts += 1
    with database.transaction():
        if prepared.attempts > 1 and _was_written(database, prepared.number, writer):
            return
        for key, version in prepared.versions.items():
            if key not in known:
                new[key] = _version_id(database, key, version)
        numbers = {key: known.get(key) or new[key] for key in prepared.versions}
        database.add_counts(_counts(prepared, numbers))
        if prepared.predictions:
            erased = _erased(database, prepared.earliest)
            database.write_rows(
                "predictions", PREDICTION_COLUMNS, _predictions(prepared, numbers, erased)
            )
            if prepared.inputs:
                gone = _rows_erased(prepared, erased) if erased else set()
                kept = (row for row in prepared.inputs if row[:2] not in gone)
                database.write_rows("inputs", INPUT_COLUMNS, kept)
        database.execute(
            "INSERT INTO writers (id, batch, at) VALUES (:id, :batch, :at) "
            "ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at = excluded.at",
            {"id": writer, "batch": prepared.number, "at": now},
        )
    known.update(new)


def row_key(id_: bytes, row: int) -> bytes:
    """Return the key of one row of an answer in the table `erasures`.

    Args:
        id_: UUID of the answer.
        row: Number of the row.
    """
    return id_ + row.to_bytes(4, "big")


def _groups(records: list[PredictedRows]) -> Iterator[list[PredictedRows]]:
    """Group records that are counted together; those of one group have one threshold."""

    def key(rows: PredictedRows) -> tuple[int, int, str, float]:
        threshold = -1.0 if math.isnan(rows.threshold) else rows.threshold
        return id(rows.version), rows.hour, rows.kind, threshold

    for _, group in groupby(sorted(records, key=key), key):
        yield list(group)


def _add_group(prepared: PreparedBatch, group: list[PredictedRows], keeps: Keeps) -> None:
    first = group[0]
    version = first.version
    rows = PredictedRows(
        first.id,
        first.at,
        version,
        first.threshold,
        np.concatenate([each.values for each in group]),
        np.concatenate([each.predictions for each in group]),
        kind=first.kind,
    )
    prepared.versions[version.key] = version
    counts = prepared.counts.setdefault((first.hour, version.key), Counter())
    counts.update(counts_of(rows))
    if keeps == "counts":
        return
    prepared.earliest = min(prepared.earliest, *(each.at for each in group))
    threshold = None if math.isnan(first.threshold) else float(first.threshold)
    several = rows.predictions.shape[1] > 1
    single = [None] * len(rows.predictions) if several else rows.predictions[:, 0].tolist()
    blobs = [row.astype("<f8").tobytes() if several else None for row in rows.predictions]
    labels = labels_of(version.predictor.schema.target, rows.predictions, first.threshold)
    imputed = _imputed(version.predictor.schema.names, rows.values)
    places = ((each, each.first_row + n) for each in group for n in range(len(each.predictions)))
    found = prepared.predictions.setdefault(version.key, [])
    for (record, row), one, blob, label, names in zip(
        places, single, blobs, labels, imputed, strict=True
    ):
        first_columns = record.id, row, 0, record.kind, record.at, threshold, one, blob
        found.append([*first_columns, label, names, record.key_id, record.subject])
    if keeps == "inputs" and first.kind == "answer":
        texts = (to_json(row, inf_nan_mode="null").decode() for row in rows.values.tolist())
        names_of_rows = (
            (each.id, each.first_row + n) for each in group for n in range(len(each.predictions))
        )
        prepared.inputs += [(*name, text) for name, text in zip(names_of_rows, texts, strict=True)]


def labels_of(target: Target, predictions: Array, threshold: float) -> list[str | None]:
    """Return the labels of rows as the store has them: a list of labels is JSON.

    Args:
        target: The target.
        predictions: `(B, outputs)`.
        threshold: Decision threshold, ignored where the target has none.
    """
    if isinstance(target, Regression):
        return [None] * len(predictions)
    if isinstance(target, MultiLabel):
        answers = target.answers(predictions, threshold)
        return [json.dumps(each["labels"], ensure_ascii=False) for each in answers]
    labels: list[str | None] = target.columns(predictions, threshold)["label"].tolist()
    return labels


def _imputed(names: tuple[str, ...], values: Array) -> list[str | None]:
    """Return the names of the missing features of each row as JSON; None without any."""
    missing = np.isnan(values)
    texts: list[str | None] = [None] * len(values)
    for row in np.flatnonzero(missing.any(axis=1)).tolist():
        listed = [names[column] for column in np.flatnonzero(missing[row]).tolist()]
        texts[row] = json.dumps(listed, ensure_ascii=False)
    return texts


def _was_written(database: Database, number: int, writer: bytes) -> bool:
    found = database.execute("SELECT batch FROM writers WHERE id = :id", {"id": writer})
    return bool(found) and found[0][0] >= number


def _version_id(database: Database, key: VersionKey, version: StoredVersion) -> int:
    names = {"model": key.model, "sha256": key.sha256}
    select = "SELECT id FROM versions WHERE model = :model AND sha256 = :sha256"
    if not (found := database.execute(select, names)):
        database.execute(
            "INSERT INTO versions (model, sha256, schema_json) "
            "VALUES (:model, :sha256, :schema_json) ON CONFLICT (model, sha256) DO NOTHING",
            {**names, "schema_json": version.schema_json},
        )
        found = database.execute(select, names)
    return int(found[0][0])


def _erased(database: Database, earliest: int) -> dict[bytes, int]:
    """Return what was erased since the first answer of a batch: keys and times."""
    found = database.execute(
        "SELECT id, at FROM erasures WHERE at >= :since", {"since": earliest - ERASURE_MARGIN}
    )
    return {bytes(key): at for key, at in found}


def _is_erased(row: list[Any], erased: dict[bytes, int]) -> bool:
    id_, number, at, subject = row[0], row[1], row[4], row[-1]
    if id_ in erased or row_key(id_, number) in erased:
        return True
    return subject is not None and erased.get(subject, -1) >= at


def _rows_erased(prepared: PreparedBatch, erased: dict[bytes, int]) -> set[tuple[bytes, int]]:
    return {
        (row[0], row[1])
        for rows in prepared.predictions.values()
        for row in rows
        if _is_erased(row, erased)
    }


def _counts(prepared: PreparedBatch, numbers: dict[VersionKey, int]) -> list[Row]:
    """Return rows of the table `counts`, of hours and of days."""
    sums: Counter[tuple[int, int, int, str, str, int]] = Counter()
    for (hour, version), counts in prepared.counts.items():
        for span in SPANS:
            start, number = hour - hour % span, numbers[version]
            for key, count in counts.items():
                sums[span, start, number, *key] += count
    return [(*key, count) for key, count in sums.items()]


def _predictions(
    prepared: PreparedBatch, numbers: dict[VersionKey, int], erased: dict[bytes, int]
) -> Iterator[Row]:
    for key, rows in prepared.predictions.items():
        number = numbers[key]
        for row in rows:
            if not erased or not _is_erased(row, erased):
                row[2] = number
                yield tuple(row)
