"""The database is locked, full, killed or away: rows wait, and each is written once."""

import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.eventually import until
from support.paths import ROOT
from support.postgres_server import PostgresServer, missing_postgres
from support.stored_rows import all_counts, count_rows, predicted, store_at, version_of

from service.store.databases.database import Database, Row, StoreUnavailable
from service.store.databases.sqlite import SQLite
from service.store.store import Store

VERSION = version_of()


def assert_written(store: Store, rows: int) -> None:
    """Assert that the tables and the counts have exactly so many rows."""
    with closing(store.open()) as database:
        assert count_rows(database, "predictions") == rows
        assert count_rows(database, "inputs") == rows
        assert all_counts(database)["rows", "", 0] == rows


def test_a_lock_of_another_process_delays_rows_and_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = store_at(f"sqlite:///{path}")
    store.start()
    store.put(predicted(VERSION))
    assert store.flush(30)
    rows = [predicted(VERSION) for _ in range(500)]
    times = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for each in rows:
            start = time.perf_counter()
            store.put(each)
            times.append(time.perf_counter() - start)
        until(lambda: store.status.is_failing)
        until(lambda: store.status.lag_seconds > 2)
        assert "locked" in store.status.last_error
        other.execute("COMMIT")
    assert store.stop(30) == 0
    assert not store.status.is_failing
    assert store.status.lag_seconds == 0
    assert sorted(times)[len(times) // 2] < 0.001
    assert_written(store, 501)


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[None]:
    """Mount a small file system within the context."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mount is not permitted")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_delays_rows(tmp_path: Path) -> None:
    with tmpfs(tmp_path, "4m"):
        store = store_at(f"sqlite:///{tmp_path / 'store.db'}")
        store.start()
        put = 0
        while not store.status.is_failing:
            put += store.put(predicted(VERSION, 500))
            assert store.flush(5) or store.status.is_failing
        assert "full" in store.status.last_error
        assert not store.flush(0.3)
        subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path)], check=True)
        assert store.stop(30) == 0
        assert store.status.dropped == 0
        assert_written(store, 500 * put)


def test_a_store_that_stays_away_drops_rows_and_counts_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(f"sqlite:///{tmp_path / 'missing' / 'store.db'}")
    with caplog.at_level(logging.INFO):
        store.start()
        for _ in range(3):
            assert store.put(predicted(VERSION, 7))
        until(lambda: store.status.is_failing)
        assert store.stop(0.3) == 21
    assert store.status.dropped == 21
    assert [each.message for each in caplog.records] == ["store_failing", "store_rows_lost"]


def test_a_folder_that_appears_later_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(f"sqlite:///{tmp_path / 'late' / 'store.db'}")
    with caplog.at_level(logging.INFO):
        store.start()
        store.put(predicted(VERSION))
        until(lambda: store.status.is_failing)
        (tmp_path / "late").mkdir()
        assert store.flush(30)
    assert [each.message for each in caplog.records] == ["store_failing", "store_recovered"]
    assert store.stop(30) == 0
    assert_written(store, 1)
    assert (tmp_path / "late/store.db").stat().st_mode & 0o077 == 0


def test_a_commit_whose_answer_is_lost_is_not_repeated(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(store_url)
    opened = store._writer._connect
    failures: list[int] = []

    def connect() -> Database:
        database = opened()
        transaction = database.transaction

        @contextmanager
        def lost() -> Iterator[None]:
            with transaction():
                yield
            if not failures:
                failures.append(1)
                raise StoreUnavailable("the connection is lost")

        monkeypatch.setattr(database, "transaction", lost)
        return database

    store._writer._connect = connect
    store.start()
    store.put(predicted(VERSION, 20))
    assert store.stop(30) == 0
    assert failures
    assert_written(store, 20)


@pytest.mark.process
def test_four_processes_write_to_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    command = [sys.executable, str(ROOT / "tests/support/store_writer_child.py"), url, "500"]
    running = [
        subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert [each.communicate(timeout=120)[0] for each in running] == [b"0 0\n"] * 4
    assert_written(store_at(url), 2000)


@pytest.fixture
def crashing_server() -> Iterator[PostgresServer]:
    """Return a server of one test, which may kill it."""
    if reason := missing_postgres():
        pytest.skip(reason)
    with PostgresServer() as server:
        yield server


@pytest.mark.postgres
def test_postgresql_is_killed_during_copy(
    crashing_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.store.databases.postgresql import PostgreSQL

    store = store_at(crashing_server.new_database())
    store.start()
    store.put(predicted(VERSION, 10))
    assert store.flush(30)
    copy = PostgreSQL._copy
    numbers, killed = count(), list[int]()

    def dying(self: Any, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        def halfway() -> Iterator[Row]:
            for row in rows:
                if next(numbers) == 2000 and not killed:  # after several COPY of the transaction
                    crashing_server.kill()
                    killed.append(1)
                yield row

        copy(self, table, columns, halfway())

    monkeypatch.setattr(PostgreSQL, "_copy", dying)
    store.put(predicted(VERSION, 4000))
    until(lambda: store.status.is_failing)
    assert killed
    for _ in range(50):
        assert store.put(predicted(VERSION, 2))
    assert crashing_server.password not in store.status.last_error
    crashing_server.start()
    assert store.stop(60) == 0
    assert store.status.dropped == 0
    assert_written(store, 4110)


@pytest.mark.postgres
def test_a_wrong_password_shows_nowhere(
    postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    from service.store.databases.opening import open_database

    url = f"postgresql://malignancy:hunter2@/postgres?host={postgres.folder}"
    store = store_at(url)
    with caplog.at_level(logging.DEBUG):
        store.start()
        store.put(predicted(VERSION))
        until(lambda: store.status.is_failing)
        store.stop(0.1)
    assert "password authentication failed" in store.status.last_error
    with pytest.raises(StoreUnavailable) as error:
        open_database(url)
    shown = [caplog.text, str(error.value), repr(store), repr(store.__dict__), store.status]
    assert "hunter2" not in "".join(map(str, shown))
    assert error.value.__suppress_context__


@pytest.mark.postgres
@pytest.mark.parametrize(
    "place", ["localhost:1/d", "no-such-host.invalid/d", "/d?host=/nowhere", "localhost/d?wrong=1"]
)
def test_errors_of_connections_have_no_password(place: str) -> None:
    pytest.importorskip("psycopg")
    from service.store.databases.opening import open_database

    with pytest.raises(StoreUnavailable) as error:
        open_database(f"postgresql://user:hunt%20er2@{place}")
    assert "er2" not in str(error.value)


def create_and_fail(database: Database) -> None:
    with database.transaction():
        database.execute("CREATE TABLE x (y)")
        database.execute("BAD SQL")


def test_a_sqlite_connection_does_not_keep_a_failed_transaction(tmp_path: Path) -> None:
    with closing(SQLite(tmp_path / "store.db")) as database:
        with pytest.raises(StoreUnavailable):
            create_and_fail(database)
        assert database.tables() == set()
        with database.transaction():
            database.execute("CREATE TABLE x (y)")
        assert database.tables() == {"x"}
        assert database.size_bytes() > 0
    reader = SQLite(tmp_path / "store.db", read_only=True)
    with closing(reader), pytest.raises(StoreUnavailable, match="readonly"):
        reader.execute("INSERT INTO x VALUES (1)")
    with pytest.raises(StoreUnavailable, match="unable to open"):
        SQLite(tmp_path / "other.db", read_only=True)
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        SQLite(tmp_path / "text.db")
