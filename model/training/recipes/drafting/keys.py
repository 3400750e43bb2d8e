"""Columns that identify a row or its owner, and so do not describe it."""

import re
from typing import Final

from model.training.recipes.drafting.columns import Column
from model.training.recipes.drafting.content import Content

FEW: Final = 20  # different values, by which an identifier of a kind describes
MIN_NUMBERED_ROWS: Final = 5
MIN_GROUPS: Final = 8
_IDENTIFIERS: Final = {"id", "ids", "identifier", "uid", "uuid", "guid", "mrn", "ssn"}
_OWNERS: Final = set(
    "animal client customer donor employee family household member owner participant passenger "
    "patient person proband student subject user".split()
)
_NUMBERS: Final = {"code", "key", "no", "nr", "num", "number"}
_ROWS: Final = {"", "#", "index", "row", "rowid", "rownames", "rownum", "rownumber"}
_TIMES: Final = {"age", "day", "hour", "minute", "month", "quarter", "time", "week", "year"}


def names_owner(column: Column) -> bool:
    """Return whether the name is that of an owner of rows, such as patient or customer_no."""
    words = _words(column.source)
    return bool(set(words) & _OWNERS) and set(words) <= _OWNERS | _IDENTIFIERS | _NUMBERS


def is_row_number(column: Column, content: Content) -> bool:
    """Return whether a column numbers the rows, by its content.

    Args:
        column: The column.
        content: Its content.
    """
    is_time = bool(set(_words(column.source)) & _TIMES)
    return len(content.cells) >= MIN_NUMBERED_ROWS and content.is_consecutive and not is_time


def is_key(column: Column, content: Content) -> bool:
    """Return whether a column identifies rows or their owners.

    A name alone does not make it one: fractions and dates identify nothing, and an identifier
    with few values that many rows share, such as site_id, describes.

    Args:
        column: The column.
        content: Its content.
    """
    different, rows = len(content.values), len(content.cells) - content.missing
    if content.is_date or (content.numbers is not None and not content.is_whole):
        return False
    if names_owner(column):
        return different > 2
    if set(_words(column.source)) & _IDENTIFIERS:
        return different > FEW or rows < 5 * different
    is_numbered = "".join(_words(column.source)) in _ROWS
    return is_numbered and different == rows and content.numbers is not None


def groups_rows(content: Content) -> bool:
    """Return whether the values of a key stand for several groups of rows."""
    different = len(content.counts)
    return min(MIN_GROUPS, len(content.cells) - 1) <= different < sum(content.counts.values())


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case: of "UserID" user and id."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", spaced) if word]
