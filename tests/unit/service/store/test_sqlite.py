"""SQLite: rows of any number and any constant columns are read back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.store.databases.database import Columns, RowsRejected, StoreUnavailable
from service.store.databases.sqlite import SQLite

VALUES = st.one_of(
    st.none(), st.integers(-9, 9), st.floats(allow_nan=False), st.text(max_size=3), st.binary()
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> SQLite:
    return SQLite(tmp_path_factory.mktemp("sqlite") / "store.db")


@given(
    rows=st.sampled_from([0, 1, 2, 7, 8, 9, 63, 64, 65, 137, 200]),
    constant=st.lists(VALUES, max_size=3),
    data=st.data(),
)
def test_rows_are_read_back_in_order(
    database: SQLite, rows: int, constant: list[object], data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(VALUES, min_size=1, max_size=5))
    columns: Columns = {
        "number": [*range(rows)],
        **{f"constant{place}": [value] * rows for place, value in enumerate(constant)},
        "varying": [drawn[row % len(drawn)] for row in range(rows)],
    }
    names = ", ".join(columns)
    database.execute("DROP TABLE IF EXISTS x")
    database.execute(f"CREATE TABLE x ({names})")
    with database.transaction():
        database.write_rows("x", columns)
    found = database.execute(f"SELECT {names} FROM x ORDER BY number")
    assert found == [*zip(*columns.values(), strict=True)]


def test_a_row_that_is_rejected_leaves_none(tmp_path: Path) -> None:
    with closing(SQLite(tmp_path / "store.db")) as other:
        other.execute("CREATE TABLE x (number INTEGER PRIMARY KEY)")
        with pytest.raises(RowsRejected), other.transaction():
            other.write_rows("x", {"number": [*range(100), 5]})
        assert other.execute("SELECT count(*) FROM x") == [(0,)]


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection that is about to write to a new file, whose journal is not WAL yet."""
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_new_file_that_another_connection_writes_is_opened_after_it(
    tmp_path: Path, locked: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        locked.rollback()

    monkeypatch.setattr("service.store.databases.sqlite.time.sleep", pause)
    with closing(SQLite(tmp_path / "store.db")) as database:
        assert database.execute("PRAGMA journal_mode") == [("wal",)]
    assert len(pauses) == 1


@pytest.mark.usefixtures("locked")
def test_a_file_that_stays_locked_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.databases.sqlite.BUSY_SECONDS", 0.05)
    with pytest.raises(StoreUnavailable, match="database is locked"):
        SQLite(tmp_path / "store.db")
