"""Reading of what versions are compared by: answered rows, newest first, in pages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from model.arrays import Array
from service.store.databases.database import Database, Row
from service.store.identifiers import first_id_of
from service.store.truth import predictions_of

PAGE_ROWS: Final = 1000
_LAST_ID: Final = b"\xff" * 16
_TRUTH: Final = (
    "(SELECT f.truth FROM feedback f WHERE f.id = a.id AND f.row = a.row "
    "ORDER BY f.number DESC LIMIT 1)"
)
_COLUMNS: Final = (
    "a.id, a.row, a.version_id, a.at, v.sha256, a.threshold, a.prediction, a.outputs, a.subject, "
    f"{_TRUTH}"
)
_LOGGED: Final = f"""
SELECT {_COLUMNS}, i.row_values
FROM predictions a
JOIN versions v ON v.id = a.version_id
JOIN inputs i ON i.id = a.id AND i.row = a.row
WHERE v.model = :model AND v.sha256 <> :candidate AND a.kind = 'answer' AND a.at >= :start
  AND a.id >= :first AND (a.id, a.row, a.version_id) < (:id, :row, :version)
ORDER BY a.id DESC, a.row DESC, a.version_id DESC LIMIT :size
"""  # noqa: S608 - constants of this module  # nosec
_SHADOWED: Final = f"""
SELECT {_COLUMNS}, s.prediction, s.outputs, s.at
FROM predictions s
JOIN predictions a ON a.id = s.id AND a.row = s.row AND a.kind = 'answer'
JOIN versions v ON v.id = a.version_id
WHERE s.version_id = :candidate AND s.kind = 'shadow' AND s.at >= :start AND s.at < :stop
  AND (s.at, s.id, s.row) < (:at, :id, :row)
ORDER BY s.at DESC, s.id DESC, s.row DESC LIMIT :size
"""  # noqa: S608 - constants of this module  # nosec


@dataclass(frozen=True)
class AnsweredRow:
    """A row as the version that answered has predicted it.

    Attributes:
        id: UUID of the answer.
        row: Number of the row in the answer.
        at: Unix time of the answer in microseconds.
        sha256: SHA-256 of the version's artifact.
        threshold: Decision threshold; NaN where the target has none.
        predictions: `(outputs,)`.
        subject: Digest of the subject; None without one.
        truth: The last truth as a JSON value; None without one.
    """

    id: bytes
    row: int
    at: int
    sha256: str
    threshold: float
    predictions: Array
    subject: bytes | None
    truth: Any


def logged_pages(
    database: Database, model: str, candidate: str, start: int
) -> Iterator[list[tuple[AnsweredRow, Array]]]:
    """Yield answered rows with their raw values, `(F,)`, NaN where missing; the newest first.

    No lock is held between pages.

    Args:
        database: The database.
        model: Name of the model.
        candidate: SHA-256 of a version whose answers are left out.
        start: Unix time of the first answer in microseconds.
    """
    last: tuple[bytes, int, int] = (_LAST_ID, 2**31 - 1, 2**31 - 1)
    while True:
        page = database.execute(
            _LOGGED,
            {
                "model": model,
                "candidate": candidate,
                "start": start,
                "first": first_id_of(start // 1000),
                **dict(zip(("id", "row", "version"), last, strict=True)),
                "size": PAGE_ROWS,
            },
        )
        if page:
            last = bytes(page[-1][0]), page[-1][1], page[-1][2]
            yield [(_answered(each), _values(each[-1])) for each in page]
        if len(page) < PAGE_ROWS:
            return


def shadow_pages(
    database: Database, candidate: int, start: int, stop: int
) -> Iterator[list[tuple[AnsweredRow, Array]]]:
    """Yield answered rows with the predictions of a shadow version, `(outputs,)`; newest first.

    Args:
        database: The database.
        candidate: Number of the shadow version in the database.
        start: Unix time of the first answer in microseconds.
        stop: Unix time after the last one.
    """
    last: tuple[int, bytes, int] = (stop, _LAST_ID, 2**31 - 1)
    while True:
        page = database.execute(
            _SHADOWED,
            {
                "candidate": candidate,
                "start": start,
                "stop": stop,
                **dict(zip(("at", "id", "row"), last, strict=True)),
                "size": PAGE_ROWS,
            },
        )
        if page:
            last = page[-1][-1], bytes(page[-1][0]), page[-1][1]
            yield [(_answered(each), predictions_of(each[-3], each[-2])) for each in page]
        if len(page) < PAGE_ROWS:
            return


def _answered(row: Row) -> AnsweredRow:
    id_, number, _, at, sha256, threshold, prediction, outputs, subject, truth = row[:10]
    return AnsweredRow(
        bytes(id_),
        number,
        at,
        sha256,
        np.nan if threshold is None else threshold,
        predictions_of(prediction, outputs),
        None if subject is None else bytes(subject),
        None if truth is None else json.loads(truth),
    )


def _values(text: str) -> Array:
    return np.array(json.loads(text), dtype=np.float64)  # null is NaN
