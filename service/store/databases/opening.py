"""Opening of the database that the setting `store` names."""

from pathlib import Path
from typing import Final

from service.store.databases.database import Database, StoreError
from service.store.databases.sqlite import SQLite

SQLITE_PREFIX: Final = "sqlite:///"
NO_POSTGRES: Final = "needs the extra `postgres`: pip install 'malignancy[postgres]'"


def open_database(url: str, *, read_only: bool = False) -> Database:
    """Open a connection; the schema is not migrated.

    Args:
        url: `sqlite:///path`, with another slash for an absolute path, or `postgresql://…`.
        read_only: True for a connection that only reads.

    Raises:
        StoreError: The extra `postgres` is missing, or the database cannot be opened.
    """
    if url.startswith(SQLITE_PREFIX):
        return SQLite(Path(url.removeprefix(SQLITE_PREFIX)), read_only=read_only)
    try:
        from service.store.databases.postgresql import PostgreSQL
    except ImportError:
        raise StoreError(f"PostgreSQL {NO_POSTGRES}") from None
    return PostgreSQL(url, read_only=read_only)
