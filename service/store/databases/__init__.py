"""Databases of the store: SQLite and PostgreSQL behind one protocol, and their migrations."""

__all__ = [
    "database",
    "migrations",
    "opening",
]
