"""A batch as rows of the tables, and the transaction that writes it."""

import json
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import compress
from typing import Final, Literal

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from model.prediction.target import MultiLabel, Regression, Target
from service.store.counting import HOUR_MICROSECONDS, SPANS, Counts
from service.store.databases.database import Columns, Database, Row
from service.store.groups import Group, group
from service.store.records import StoredVersion, VersionKey
from service.store.row_queue import Batch

Keeps = Literal["counts", "predictions", "inputs"]
PART_ROWS: Final = 512  # that are columns at the same time; fixed
ERASURE_MARGIN: Final = 3_600_000_000  # µs, by which the clocks of two processes may differ


@dataclass
class PreparedBatch:
    """A batch with its counts; it is written until that succeeds.

    Attributes:
        number: Number of the batch in its process.
        keeps: Value of the setting `store_keeps`.
        groups: The rows.
        counts: Counts by hour and version.
        versions: The versions.
        attempts: Number of attempts to write it.
    """

    number: int
    keeps: Keeps
    groups: list[Group] = field(default_factory=list)
    counts: dict[tuple[int, VersionKey], Counts] = field(default_factory=dict)
    versions: dict[VersionKey, StoredVersion] = field(default_factory=dict)
    attempts: int = 0


def prepare(batch: Batch, number: int, keeps: Keeps) -> PreparedBatch:
    """Count the rows of a batch.

    Args:
        batch: The batch.
        number: Its number in this process.
        keeps: Value of the setting `store_keeps`.
    """
    prepared = PreparedBatch(number, keeps)
    for (hour, version), counts in batch.counted.items():
        prepared.versions[version.key] = version
        prepared.counts.setdefault((hour, version.key), Counter()).update(counts)
    for each in group(batch.records):
        prepared.groups.append(each)
        prepared.versions[each.version.key] = each.version
        counts = prepared.counts.setdefault((each.hour, each.version.key), Counter())
        counts.update(each.counts())
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
        if prepared.groups and prepared.keeps != "counts":
            _write_rows(database, prepared, numbers)
        database.execute(
            "INSERT INTO writers (id, batch, at) VALUES (:id, :batch, :at) "
            "ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at = excluded.at",
            {"id": writer, "batch": prepared.number, "at": now},
        )
    known.update(new)


def _write_rows(
    database: Database, prepared: PreparedBatch, numbers: dict[VersionKey, int]
) -> None:
    earliest = min(each.hour for each in prepared.groups) * HOUR_MICROSECONDS
    erased = _erased(database, earliest)
    for each in prepared.groups:
        version_id = numbers[each.version.key]
        keeps_inputs = prepared.keeps == "inputs" and each.kind == "answer"
        for part in each.parts(PART_ROWS):
            predictions = _predictions(part, version_id)
            kept = _kept(predictions, erased) if erased else None
            database.write_rows("predictions", _of_rows(predictions, kept))
            if keeps_inputs:
                inputs = _inputs(part, predictions)
                database.write_rows("inputs", _of_rows(inputs, kept))


def row_key(id_: bytes, row: int) -> bytes:
    """Return the key of one row of an answer in the table `erasures`.

    Args:
        id_: UUID of the answer.
        row: Number of the row.
    """
    return id_ + row.to_bytes(4, "big")


def _predictions(group: Group, version_id: int) -> Columns:
    """Return columns of the table `predictions`."""
    version, predictions = group.version, group.predictions
    count, several = len(predictions), predictions.shape[1] > 1
    origins = group.origins(0, count)
    threshold = None if math.isnan(group.threshold) else float(group.threshold)
    blobs = [row.tobytes() for row in predictions.astype("<f8")] if several else None
    return {
        "id": origins.ids,
        "row": origins.numbers,
        "version_id": [version_id] * count,
        "kind": [group.kind] * count,
        "at": origins.times,
        "threshold": [threshold] * count,
        "prediction": [None] * count if several else predictions[:, 0].tolist(),
        "outputs": blobs or [None] * count,
        "label": labels_of(version.predictor.schema.target, predictions, group.threshold),
        "imputed": _imputed(version.predictor.schema.names, group.values),
        "key_id": origins.key_ids,
        "subject": origins.subjects,
    }


def _inputs(group: Group, predictions: Columns) -> Columns:
    """Return columns of the table `inputs` for rows of the table `predictions`."""
    texts = to_json(group.values.tolist(), inf_nan_mode="null").decode()
    rows = [f"[{text}]" for text in texts[2:-2].split("],[")]
    return {"id": predictions["id"], "row": predictions["row"], "row_values": rows}


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


def _kept(columns: Columns, erased: dict[bytes, int]) -> list[bool]:
    """Return for each row of the table `predictions` whether it is not erased."""
    rows = zip(columns["id"], columns["row"], columns["at"], columns["subject"], strict=True)
    return [
        id_ not in erased
        and row_key(id_, number) not in erased
        and (subject is None or erased.get(subject, -1) < at)
        for id_, number, at, subject in rows
    ]


def _of_rows(columns: Columns, kept: list[bool] | None) -> Columns:
    """Return the columns of some rows.

    Args:
        columns: The columns.
        kept: Whether each row is kept; None for all.
    """
    if kept is None or all(kept):
        return columns
    return {name: [*compress(column, kept)] for name, column in columns.items()}


def _counts(prepared: PreparedBatch, numbers: dict[VersionKey, int]) -> list[Row]:
    """Return rows of the table `counts`, of hours and of days."""
    sums: Counter[tuple[int, int, int, str, str, int]] = Counter()
    for (hour, version), counts in prepared.counts.items():
        for span in SPANS:
            start, number = hour - hour % span, numbers[version]
            for key, count in counts.items():
                sums[span, start, number, *key] += count
    return [(*key, count) for key, count in sums.items()]
