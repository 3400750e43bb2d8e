"""What the store needs of a database, and its errors."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Protocol

from model.errors import MalignancyError

Row = tuple[Any, ...]
Columns = dict[str, Sequence[Any]]  # values by name of the column, all of one length
_PLACEHOLDER = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")


class StoreError(MalignancyError):
    """The store cannot do what is requested. The text has neither a password nor a stored value."""


class StoreUnavailable(StoreError):
    """The database is away, locked or full; another attempt may succeed."""


class RowsRejected(StoreError):
    """The database rejects these rows, and would reject them again."""


class Database(Protocol):
    """One connection to a database, for one thread at a time.

    SQL has named placeholders such as `:id` in both dialects. Every method raises
    `StoreUnavailable` or `RowsRejected`.

    Attributes:
        dialect: "sqlite" or "postgresql", the suffix of the migrations.
        for_update: Clause of a SELECT that locks its rows until the end of the transaction.
    """

    dialect: str
    for_update: str

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Run one statement and return its rows.

        Args:
            sql: The statement.
            params: Values of its placeholders.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """Run the statements within the context as one transaction, which may write."""

    def schema_lock(self) -> AbstractContextManager[None]:
        """Run the statements within the context as one transaction, alone in the database."""

    def write_rows(self, table: str, columns: Columns) -> None:
        """Insert rows; COPY on PostgreSQL.

        Args:
            table: Name of the table.
            columns: The columns.
        """

    def add_counts(self, rows: Sequence[Row]) -> None:
        """Add to the table `counts`: rows of its columns, without duplicates."""

    def tables(self) -> set[str]:
        """Return the names of the store's tables that exist."""

    def size_bytes(self) -> int:
        """Return the size of the database."""

    def remove_remains(self) -> None:
        """Remove the copies of deleted rows that the database's files still contain."""

    def close(self) -> None:
        """Close the connection; does not raise."""


@lru_cache(maxsize=200)
def pyformat(sql: str) -> str:
    """Return SQL with placeholders such as `%(id)s`, psycopg's form, instead of `:id`."""
    return _PLACEHOLDER.sub(r"%(\1)s", sql.replace("%", "%%"))
