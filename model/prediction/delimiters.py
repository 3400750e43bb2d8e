"""The delimiter of a CSV table, found by its header row."""

import csv
import io
from collections.abc import Collection
from typing import Final

from model.prediction.names import nfc

DELIMITERS: Final = (",", ";", "\t", "|")


def find_delimiter(text: str, names: Collection[str]) -> str:
    """Return the delimiter by which a header row has most of the expected names.

    Rows have no say, so their values cannot change how a table is read. If several delimiters give
    as many names, the one is returned that gives most columns, or the first of `DELIMITERS`.

    Args:
        text: The start of the table: its header row, which quoted names may spread over several
            lines, or the first line of it. Rows may follow; blank lines may not precede it.
        names: Names of columns in the form NFC; none if they are not known.
    """
    if not any(each in text for each in DELIMITERS[1:]):
        return ","

    def fit(delimiter: str) -> tuple[int, bool, int]:
        cells = _cells(text, delimiter, strict=False)
        try:
            _cells(text, delimiter, strict=True)
        except csv.Error:
            return len(cells.intersection(names)), False, len(cells)
        return len(cells.intersection(names)), True, len(cells)

    return max(DELIMITERS, key=fit)


def _cells(text: str, delimiter: str, *, strict: bool) -> set[str]:
    row = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict))
    return {nfc(cell.strip()) for cell in row}
