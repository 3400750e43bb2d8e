"""Migrations from every number, with rows in the tables."""

import threading
from contextlib import closing

import pytest
from support.stored_rows import predicted, store_at, version_of

from service.store.databases.database import Database, Row, StoreError
from service.store.databases.migrations import migrate, migrations_of, schema_number
from service.store.databases.opening import open_database

NUMBERS = range(1, len(migrations_of("sqlite")) + 1)
COLUMNS = {
    "sqlite": "SELECT name, type FROM pragma_table_info(:table) ORDER BY cid",
    "postgresql": "SELECT column_name, upper(data_type) FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND table_name = :table ORDER BY ordinal_position",
}


def columns(database: Database, table: str) -> list[Row]:
    return database.execute(COLUMNS[database.dialect], {"table": table})


def fill(database: Database) -> dict[str, list[Row]]:
    """Insert a row into every table, `versions` first, and return the rows of all tables."""
    tables = sorted(database.tables() - {"schema_migrations"}, key=lambda name: name != "versions")
    for table in tables:
        names = [name for name, _ in columns(database, table)]
        if table == "versions":
            names.remove("id")  # is generated
        values: dict[str, object] = {}
        for name, kind in columns(database, table):
            if kind in ("BLOB", "BYTEA"):
                values[name] = b"x" * 16
            elif kind == "TEXT":
                values[name] = "x"
            else:
                values[name] = 1
        places = ", ".join(f":{name}" for name in names)
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"
        database.execute(sql, {name: values[name] for name in names})
    return {table: database.execute(f"SELECT * FROM {table}") for table in tables}


def test_both_dialects_have_the_same_migrations() -> None:
    one, other = migrations_of("sqlite"), migrations_of("postgresql")
    assert [each[:2] for each in one] == [each[:2] for each in other]
    assert [each.number for each in one] == list(NUMBERS)
    assert all(each.statements for each in (*one, *other))


@pytest.mark.parametrize("number", NUMBERS)
def test_rows_survive_migrations_from_every_number(number: int, store_url: str) -> None:
    with closing(open_database(store_url)) as database:
        assert schema_number(database) == 0
        assert migrate(database, up_to=number) == number
        rows = fill(database)
        assert rows["versions"]
        assert migrate(database) == len(NUMBERS) - number
        assert schema_number(database) == len(NUMBERS)
        for table, before in rows.items():
            width = len(before[0])
            assert [row[:width] for row in database.execute(f"SELECT * FROM {table}")] == before
        assert migrate(database) == 0
    store = store_at(store_url)
    store.start()
    store.put(predicted(version_of()))
    assert store.stop(30) == 0
    assert store.status.last_error == ""


def test_a_newer_schema_is_refused(store_url: str) -> None:
    with closing(open_database(store_url)) as database:
        migrate(database)
        database.execute("INSERT INTO schema_migrations (number, name, at) VALUES (99, 'x', 0)")
        with pytest.raises(StoreError, match=f"schema 99.*up to {len(NUMBERS)}"):
            migrate(database)


def test_processes_that_start_together_migrate_once(store_url: str) -> None:
    applied: list[int] = []
    barrier = threading.Barrier(4)

    def start() -> None:
        with closing(open_database(store_url)) as database:
            barrier.wait()
            applied.append(migrate(database))

    with closing(open_database(store_url)):  # the file exists
        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(applied) == [0, 0, 0, len(NUMBERS)]


def test_a_migration_that_fails_changes_nothing(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_database(store_url)) as database:
        good = migrations_of(database.dialect)
        bad = (*good, good[-1]._replace(number=99, statements=("CREATE TABLE x (y)", "BAD SQL")))
        monkeypatch.setattr("service.store.databases.migrations.migrations_of", lambda _: bad)
        with pytest.raises(StoreError):
            migrate(database)
        assert schema_number(database) == 0
        assert not database.tables() & {"predictions", "x"}
