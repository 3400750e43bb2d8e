"""The decimal mark of a table's numbers, found by its columns."""

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd

from model.prediction.cells import MISSING_SPELLINGS
from model.prediction.numerals import Decimal, parse_number

MAX_DISTINCT: Final = 10_000  # texts of a column that are looked at


def find_decimal(columns: Iterable["pd.Series[Any]"], delimiter: str | None) -> Decimal | None:
    """Return the mark by which more columns are numbers; None if it need not be stated.

    A column such as 1,234 and 12,345 consists of numbers either way. It counts for the comma if
    the delimiter is another character, as in files of Excel where the decimal mark is a comma.

    Args:
        columns: The columns, as text.
        delimiter: Character between cells; None for a file that is not text.
    """
    votes, has_groups = 0, False  # for the comma
    for column in columns:
        texts = [text for text in column.unique()[:MAX_DISTINCT] if "," in text or "." in text]
        texts = [text for text in texts if text.lower() not in MISSING_SPELLINGS]
        if not texts:
            continue
        point, comma = _are_numbers(texts, "."), _are_numbers(texts, ",")
        if point and comma:
            has_comma = any("," in text for text in texts)
            votes += has_comma and delimiter not in (",", None)
            has_groups = has_groups or has_comma
        else:
            votes += comma - point
            has_groups = has_groups or (point and not _are_numbers(texts, None))
    if votes > 0:
        return ","
    return "." if has_groups else None


def _are_numbers(texts: list[str], decimal: Decimal | None) -> bool:
    return all(abs(parse_number(text, decimal)) != float("inf") for text in texts)
