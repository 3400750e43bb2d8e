"""Columns that identify a row or its owner, and so do not describe it."""

import pandas as pd


def is_key(column: "pd.Series[str]") -> bool:
    """Return whether a column seems to identify a row's owner, judged by its name."""
    words = str(column.name).lower().replace("-", "_").split("_")
    return "id" in words or "patient" in words
