"""Erasure of predictions, their inputs and their truth."""

from typing import NamedTuple

from service.store.batches import row_key
from service.store.databases.database import Database, Row


class Erased(NamedTuple):
    """Numbers of rows that were erased.

    Attributes:
        predictions: Of answers and shadow versions.
        inputs: Of input values.
        feedback: Of truths, superseded ones included.
    """

    predictions: int
    inputs: int
    feedback: int


def erase_prediction(database: Database, id_: bytes, row: int | None, *, at: int) -> Erased:
    """Erase an answer, or one row of it, also where a process has not written it yet.

    Counts keep the row, as they have no names. On SQLite the file is rewritten, so that none of the
    database's files has a copy.

    Args:
        database: The database.
        id_: UUID of the answer.
        row: Number of the row; None for all rows.
        at: Unix time in microseconds.

    Raises:
        StoreUnavailable: Rows remain, or copies in the database's files; repeat the erasure.
    """
    with database.transaction():
        _remember(database, id_ if row is None else row_key(id_, row), at)
        if row is None:
            erased = _erase(database, "id = :id", {"id": id_})
        else:
            erased = _erase(database, "id = :id AND row = :row", {"id": id_, "row": row})
    database.remove_remains()
    return erased


def erase_subject(database: Database, subject: bytes, *, at: int) -> Erased:
    """Erase all answers of a subject, as `erase_prediction` does.

    Args:
        database: The database.
        subject: Digest of the subject.
        at: Unix time in microseconds.

    Raises:
        StoreUnavailable: Rows remain, or copies in the database's files; repeat the erasure.
    """
    with database.transaction():
        _remember(database, subject, at)
        condition = "(id, row) IN (SELECT id, row FROM predictions WHERE subject = :subject)"
        erased = _erase(database, condition, {"subject": subject})
    database.remove_remains()
    return erased


def _remember(database: Database, key: bytes, at: int) -> None:
    """Make the writers of all processes leave rows out that they have not written yet."""
    database.execute(
        "INSERT INTO erasures (id, at) VALUES (:id, :at) "
        "ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        {"id": key, "at": at},
    )


def _erase(database: Database, condition: str, params: dict[str, object]) -> Erased:
    def delete(table: str) -> int:
        # The table and the condition are constants of this module.
        sql = f"DELETE FROM {table} WHERE {condition} RETURNING 1"  # noqa: S608  # nosec
        found: list[Row] = database.execute(sql, params)
        return len(found)

    inputs, feedback = delete("inputs"), delete("feedback")
    return Erased(delete("predictions"), inputs, feedback)
