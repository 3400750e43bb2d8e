"""The delimiter of a CSV table, found by its header row."""

import csv
from collections.abc import Collection
from typing import Final

from model.prediction.names import nfc

DELIMITERS: Final = (",", ";", "\t", "|")


def find_delimiter(header: str, names: Collection[str]) -> str:
    """Return the delimiter by which a header row has most of the expected names.

    Rows have no say, so their values cannot change how a table is read. If several delimiters give
    as many names, the one is returned that gives most columns, or the first of `DELIMITERS`.

    Args:
        header: The first line of the table that is not blank.
        names: Names of columns in the form NFC; none if they are not known.
    """
    if not any(each in header for each in DELIMITERS[1:]):
        return ","

    def fit(delimiter: str) -> tuple[int, bool, int]:
        cells = _cells(header, delimiter, strict=False)
        try:
            _cells(header, delimiter, strict=True)
        except csv.Error:
            return len(cells.intersection(names)), False, len(cells)
        return len(cells.intersection(names)), True, len(cells)

    return max(DELIMITERS, key=fit)


def _cells(header: str, delimiter: str, *, strict: bool) -> set[str]:
    row = next(csv.reader([header], delimiter=delimiter, strict=strict))
    return {nfc(cell.strip()) for cell in row}
