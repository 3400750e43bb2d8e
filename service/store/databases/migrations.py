"""Migrations of the schema: numbered SQL files for each dialect, applied in order under a lock."""

import time
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from service.store.databases.database import Database, StoreError

FOLDER: Final = "sql"


class Migration(NamedTuple):
    """One step of the schema.

    Attributes:
        number: Its number, from 1.
        name: Its name.
        statements: SQL statements.
    """

    number: int
    name: str
    statements: tuple[str, ...]


@cache
def migrations_of(dialect: str) -> tuple[Migration, ...]:
    """Return the migrations of a dialect in order: the files `sql/NNNN_name.DIALECT.sql`."""
    found = []
    for file in files("service.store.databases").joinpath(FOLDER).iterdir():
        stem, _, suffix = file.name.partition(".")
        if suffix == f"{dialect}.sql":
            number, _, name = stem.partition("_")
            text = file.read_text(encoding="utf-8")
            statements = tuple(each.strip() for each in text.split(";\n") if each.strip())
            found.append(Migration(int(number), name, statements))
    return tuple(sorted(found))


def schema_number(database: Database) -> int:
    """Return the number of the last migration that was applied; 0 for an empty database."""
    if "schema_migrations" not in database.tables():
        return 0
    return int(database.execute("SELECT coalesce(max(number), 0) FROM schema_migrations")[0][0])


def migrate(database: Database, *, up_to: int | None = None) -> int:
    """Apply the migrations that a database lacks; other processes wait.

    Args:
        database: The database.
        up_to: Number of the last migration to apply; None for all.

    Returns:
        The number of migrations that were applied.

    Raises:
        StoreError: The schema is newer than this program.
    """
    known = migrations_of(database.dialect)
    wanted = [each for each in known if up_to is None or each.number <= up_to]
    if _check(schema_number(database), known[-1].number) >= wanted[-1].number:
        return 0
    with database.schema_lock():
        current = _check(schema_number(database), known[-1].number)
        if current == 0:
            database.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations "
                "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL)"
            )
        missing = [each for each in wanted if each.number > current]
        for migration in missing:
            for statement in migration.statements:
                database.execute(statement)
            database.execute(
                "INSERT INTO schema_migrations (number, name, at) VALUES (:number, :name, :at)",
                {
                    "number": migration.number,
                    "name": migration.name,
                    "at": time.time_ns() // 1000,
                },
            )
    return len(missing)


def _check(current: int, newest: int) -> int:
    if current > newest:
        raise StoreError(
            f"the store has schema {current}, and this program knows schemas up to {newest}: "
            "use a newer version of the program, or another store"
        )
    return current
