"""PostgreSQL, by psycopg 3 of the extra `postgres`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from service.store.databases.database import (
    Columns,
    Row,
    RowsRejected,
    StoreUnavailable,
    pyformat,
)

# Fixed values, in seconds.
CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 10
SILENCE_SECONDS: Final = 15  # without a sign of the server, after which the connection is broken
SCHEMA_LOCK: Final = 0x6D616C69676E  # number of an advisory lock, "malign"
_REJECTED = (psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError)
_UPSERT = (
    "INSERT INTO counts (hours, hour, version_id, kind, name, bin, count) SELECT * FROM unnest("
    "CAST(:spans AS integer[]), CAST(:hours AS bigint[]), CAST(:versions AS integer[]), "
    "CAST(:kinds AS text[]), CAST(:names AS text[]), "
    "CAST(:bins AS integer[]), CAST(:counts AS bigint[])) "
    "ON CONFLICT (hours, hour, version_id, kind, name, bin) "
    "DO UPDATE SET count = counts.count + excluded.count"
)
_COLUMNS = ("spans", "hours", "versions", "kinds", "names", "bins", "counts")


class PostgreSQL:
    """A connection to PostgreSQL, as `Database` describes.

    Args:
        url: A libpq connection URI; without a password in it, libpq reads PGPASSWORD or PGPASSFILE.
        read_only: True for a connection whose transactions only read.
    """

    dialect, for_update = "postgresql", " FOR UPDATE OF predictions"

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise StoreUnavailable("PostgreSQL: the connection URI is invalid") from None
        self._secret = str(given.get("password") or "")
        defaults: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "malignancy",
            "keepalives_idle": SILENCE_SECONDS,
            "keepalives_interval": CONNECT_SECONDS,
            "keepalives_count": 2,
            "tcp_user_timeout": SILENCE_SECONDS * 1000,
            "options": f"-c statement_timeout={STATEMENT_SECONDS}s"
            + (" -c default_transaction_read_only=on" if read_only else ""),
        }
        with self._errors():
            # Prepared statements would fail behind a pooler of transactions.
            self._connection = psycopg.connect(
                **{**defaults, **given}, autocommit=True, prepare_threshold=None
            )

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        with self._errors():
            cursor = self._connection.execute(pyformat(sql).encode(), params or {})
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._errors(), self._connection.transaction():
            yield

    @contextmanager
    def schema_lock(self) -> Iterator[None]:
        with self.transaction():
            self.execute("SET LOCAL statement_timeout = 0")  # others may migrate for minutes
            self.execute("SELECT pg_advisory_xact_lock(:number)", {"number": SCHEMA_LOCK})
            yield

    def write_rows(self, table: str, columns: Columns) -> None:
        self._copy(table, tuple(columns), zip(*columns.values(), strict=True))

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        # The names are constants of this package.
        sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        cursor = self._connection.cursor()
        with self._errors(), cursor.copy(sql.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def add_counts(self, rows: Sequence[Row]) -> None:
        # In one order, so that two processes do not wait for each other's rows.
        columns = zip(*sorted(rows), strict=True)
        if rows:
            values = dict(zip(_COLUMNS, map(list, columns), strict=True))
            self.execute(_UPSERT, values)

    def tables(self) -> set[str]:
        found = self.execute(
            "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        )
        return {name for (name,) in found}

    def size_bytes(self) -> int:
        return int(self.execute("SELECT pg_database_size(current_database())")[0][0])

    def remove_remains(self) -> None:
        """Vacuum the tables that had the rows; the server's log and backups are not reached."""
        self.execute("SET statement_timeout = 0")
        self.execute("VACUUM inputs, feedback, predictions")
        self.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise the errors of the store instead of psycopg's, whose texts may have values."""
        try:
            yield
        except _REJECTED as error:
            raise RowsRejected(f"PostgreSQL: {_name(error)}") from None
        except psycopg.Error as error:
            text = _name(error)
            if error.sqlstate is None:  # from libpq: the connection, without any value
                text = " ".join(str(error).split())
            if self._secret:
                text = text.replace(self._secret, "***")
            raise StoreUnavailable(f"PostgreSQL: {text}") from None
        except (TypeError, ValueError, OverflowError) as error:  # of the adaptation of values
            raise RowsRejected(f"PostgreSQL: {type(error).__name__}") from None


def _name(error: psycopg.Error) -> str:
    return f"{type(error).__name__} ({error.sqlstate})"
