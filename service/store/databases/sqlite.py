"""SQLite: one file in WAL mode, which several processes may write."""

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain, repeat
from operator import is_
from pathlib import Path
from typing import Any, Final, NamedTuple

from service.store.databases.database import Columns, Row, RowsRejected, StoreUnavailable

# Fixed values.
BUSY_SECONDS: Final = 1.0  # that a statement waits for a lock before it fails
BUSY_PAUSE_SECONDS: Final = 0.01
ERASE_SECONDS: Final = 60.0  # that an erasure waits for the locks of others
CACHE_KIB: Final = 1024
STATEMENT_ROWS: Final = (64, 8, 1)  # that one statement inserts
MAX_WAL_BYTES: Final = 4 * 1024**2  # that stay after a checkpoint
_PRAGMAS = (
    "synchronous = NORMAL",
    "secure_delete = ON",
    "foreign_keys = ON",
    f"journal_size_limit = {MAX_WAL_BYTES}",
)
_REJECTED = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.NotSupportedError,
    OverflowError,
)


class _Insert(NamedTuple):
    """Statement that inserts rows.

    Attributes:
        table: The table.
        constant: Names of columns that have the same value in all rows.
        varying: Names of the other columns.
        ending: Clause after the rows.
    """

    table: str
    constant: tuple[str, ...]
    varying: tuple[str, ...]
    ending: str = ""

    @lru_cache(maxsize=100)  # noqa: B019 - a tuple of names
    def sql(self, rows: int) -> str:
        """Return the statement for a number of rows."""
        shared, width = len(self.constant), len(self.varying)
        names = ", ".join((*self.constant, *self.varying))
        marks = [f"?{place}" for place in range(1, shared + rows * width + 1)]
        lists = (
            ", ".join((*marks[:shared], *marks[start : start + width]))
            for start in range(shared, len(marks), width)
        )
        # The names are constants of this package.
        texts = ", ".join(f"({each})" for each in lists)
        return f"INSERT INTO {self.table} ({names}) VALUES {texts}{self.ending}"  # noqa: S608  # nosec


_COUNTS = _Insert(
    "counts",
    (),
    ("hours", "hour", "version_id", "kind", "name", "bin", "count"),
    " ON CONFLICT (hours, hour, version_id, kind, name, bin) "
    "DO UPDATE SET count = count + excluded.count",
)


class SQLite:
    """A connection to a SQLite file, as `Database` describes.

    Args:
        path: Path of the file; it is created, readable only for its owner.
        read_only: True for a connection that only reads a file that exists.
    """

    dialect, for_update = "sqlite", ""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        with _errors():
            if not read_only:  # SQLite gives its other files the permissions of this one
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with _errors():
                self._pragma(f"cache_size = -{CACHE_KIB}")
                if not read_only:
                    self._use_wal()
                    for pragma in _PRAGMAS:
                        self._pragma(pragma)
        except BaseException:
            self.close()
            raise

    def _use_wal(self) -> None:
        """Set the journal of the file to WAL, which stays.

        SQLite does not wait here for another connection, which may do the same to a new file.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._pragma("journal_mode = WAL")
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_PAUSE_SECONDS)
            else:
                return

    def _pragma(self, pragma: str) -> None:
        self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        with _errors():
            return self._connection.execute(sql, params or {}).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._within("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def schema_lock(self) -> Iterator[None]:
        with self._within("BEGIN EXCLUSIVE"):
            yield

    def write_rows(self, table: str, columns: Columns) -> None:
        first, *others = columns
        rows = len(columns[first])
        constant = {name: columns[name][0] for name in others if _is_constant(columns[name])}
        varying = {name: _blobs(each) for name, each in columns.items() if name not in constant}
        width = len(varying)
        values: list[Any] = [None] * (rows * width)
        for place, column in enumerate(varying.values()):
            values[place::width] = column
        with _errors():
            self._insert(_Insert(table, tuple(constant), tuple(varying)), constant, values, rows)

    def add_counts(self, rows: Sequence[Row]) -> None:
        with _errors():
            self._insert(_COUNTS, {}, [*chain.from_iterable(sorted(rows))], len(rows))

    def _insert(
        self, insert: "_Insert", constant: Mapping[str, Any], values: list[Any], rows: int
    ) -> None:
        """Insert rows, many with each statement.

        The interpreter is released for each statement: with few of them, this thread and that of
        the requests rarely wait for each other.

        Args:
            insert: The statement.
            constant: Values of its constant columns.
            values: Values of the other columns, row by row.
            rows: Number of rows.
        """
        width, at = len(insert.varying), 0
        for size in STATEMENT_ROWS:
            sql = insert.sql(size)
            while rows - at >= size:
                part = values[at * width : (at + size) * width]
                self._connection.execute(sql, [*constant.values(), *part])
                at += size

    def tables(self) -> set[str]:
        found = self.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in found}

    def size_bytes(self) -> int:
        paths = (Path(f"{self._path}{suffix}") for suffix in ("", "-wal", "-shm"))
        return sum(path.stat().st_size for path in paths if path.exists())

    def remove_remains(self) -> None:
        """Rewrite the file, and empty the write-ahead log.

        The pragma `secure_delete` does not suffice: where SQLite has moved a row to another page,
        the first page may keep a copy of it.
        """
        deadline = time.monotonic() + ERASE_SECONDS
        while True:
            try:
                self.execute("VACUUM")
                if not self.execute("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
                    return
                reason = "other connections still read"
            except StoreUnavailable as error:
                reason = str(error)
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"rows were deleted, but copies of them may remain in the files: {reason}; "
                    "repeat the erasure"
                )
            time.sleep(0.05)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    @contextmanager
    def _within(self, begin: str) -> Iterator[None]:
        self.execute(begin)
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back after some errors, such as a full disk.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise


@contextmanager
def _errors() -> Iterator[None]:
    """Raise the errors of the store instead of those of sqlite3, whose texts have no values."""
    try:
        yield
    except _REJECTED as error:
        raise RowsRejected(f"SQLite: {type(error).__name__}: {error}") from None
    except (sqlite3.Error, OSError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreUnavailable(f"SQLite: {text}") from None


def _blobs(column: Sequence[Any]) -> Sequence[Any]:
    """Return a column of bytes as one of bytearrays.

    For each `bytes`, sqlite3 looks for an adapter, which takes longer than the insertion of a row.
    """
    return [*map(bytearray, column)] if set(map(type, column)) == {bytes} else column


def _is_constant(column: Sequence[Any]) -> bool:
    """Return True if several values of a column are one object."""
    return len(column) > 1 and all(map(is_, column, repeat(column[0])))
