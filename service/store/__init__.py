"""The store: a log of predictions and their truth, in SQLite or PostgreSQL.

Imported only if the setting `store` is set.
"""

__all__ = [
    "batches",
    "counting",
    "erasure",
    "export",
    "feedback",
    "groups",
    "identifiers",
    "reading",
    "records",
    "store",
    "truth",
]
