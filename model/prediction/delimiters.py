"""The delimiter of a CSV table, found by its header row."""

import csv
from collections.abc import Collection
from typing import Final

from model.prediction.names import nfc

DELIMITERS: Final = (",", ";", "\t")


def find_delimiter(header: str, names: Collection[str]) -> str:
    """Return the delimiter by which a header row has most of the expected names.

    Rows have no say, so their values cannot change how a table is read. If several delimiters give
    as many names, the first of `DELIMITERS` is returned.

    Args:
        header: The first line of the table that is not blank.
        names: Names of columns in the form NFC; empty to count all cells of the header.
    """
    if ";" not in header and "\t" not in header:
        return ","

    def count(delimiter: str) -> int:
        cells = {nfc(cell.strip()) for cell in next(csv.reader([header], delimiter=delimiter))}
        return len(cells.intersection(names) if names else cells)

    return max(DELIMITERS, key=count)
