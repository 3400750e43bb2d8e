"""Tables in text: cells between delimiters, read without pandas.

pandas takes a row's extra cell for an index, renames duplicate columns, and loses count of the
lines at blank lines and at line breaks within quotes. `csv.Sniffer` takes letters for delimiters,
and fails for a table of one column.
"""

import csv
import io
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Final

import pandas as pd

from model.errors import DataError
from model.prediction.delimiters import DELIMITERS, find_delimiter
from model.training.tables.table_format import (
    RAGGED,
    Compression,
    Dialect,
    find_encoding,
    open_text,
)

SAMPLE_CHARACTERS: Final = 1 << 16
_CSV: Final = "not a CSV table"
_MARK: Final = "\ufeff"  # the byte order mark, in UTF-16 whose byte order a recipe states


def complete_dialect(
    path: Path, compression: Compression, dialect: Dialect, names: Collection[str] = ()
) -> Dialect:
    """Return a dialect with the encoding and the delimiter of a file, unless it has them.

    Args:
        path: The file.
        compression: Its compression.
        dialect: What is known.
        names: Names of columns by which the delimiter is found (see `find_delimiter`). Without
            names, it is the one by which all of the first rows have as many cells as the header,
            and most.

    Raises:
        DataError: A library is missing.
        OSError: The file cannot be read.
    """
    encoding = dialect.encoding or find_encoding(path, compression)
    delimiter = dialect.delimiter
    if delimiter is None:
        with open_text(path, compression, encoding) as file:
            sample = file.read(SAMPLE_CHARACTERS).removeprefix(_MARK)
        sample = sample.lstrip("\r\n")
        delimiter = find_delimiter(sample, names) if names else _sniffed(sample)
    return Dialect(delimiter, encoding, dialect.decimal)


def text_chunks(
    path: Path, compression: Compression, dialect: Dialect, rows: int, *, ragged: bool = False
) -> Generator[pd.DataFrame, None, None]:
    """Yield the chunks of a table in text (see `read_chunks`).

    Args:
        path: The file.
        compression: Its compression.
        dialect: Its encoding and delimiter.
        rows: Rows of a chunk.
        ragged: Whether rows may have more or fewer cells than the header. They are cut or filled
            with empty cells, and their lines are in the frame's `attrs`, under `RAGGED`.

    Raises:
        DataError: It has no rows, or a row does not fit the header.
        OSError: The file cannot be read.
        UnicodeDecodeError: It has another encoding.
    """
    assert dialect.encoding is not None
    assert dialect.delimiter is not None
    header: list[str] = []
    lines: list[int] = []
    misfits: list[int] = []
    cells: list[str] = []  # flat: a list per row would keep Python's garbage collector busy
    has_rows, line = False, 1
    with open_text(path, compression, dialect.encoding) as file:
        reader = csv.reader(file, delimiter=dialect.delimiter, strict=True)
        try:
            for row in reader:
                if row and not header:
                    header = [cell.removeprefix(_MARK).strip() for cell in row]
                elif row:  # a blank line has no cells
                    if len(row) != len(header):
                        if not ragged:
                            count = f"{len(row)} cells, the header {len(header)}"
                            raise DataError(f"{path}: {_CSV}: line {line} has {count}")
                        misfits.append(line)
                        row = [*row, *[""] * len(header)][: len(header)]
                    lines.append(line)
                    cells += row
                    has_rows = True
                    if len(lines) == rows:
                        yield _with_misfits(frame_of_text(header, lines, cells), misfits)
                        lines, cells, misfits = [], [], []
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}: {_CSV}: line {line}: {error}") from None
    if not has_rows:
        raise DataError(f"{path}: {_CSV}: it has no {'rows' if header else 'header'}")
    if cells:
        yield _with_misfits(frame_of_text(header, lines, cells), misfits)


def _with_misfits(frame: pd.DataFrame, lines: list[int]) -> pd.DataFrame:
    if lines:
        frame.attrs[RAGGED] = frozenset(lines)
    return frame


def frame_of_text(header: list[str], lines: list[int], cells: list[str]) -> pd.DataFrame:
    """Build a frame of text.

    Args:
        header: Names of the columns.
        lines: Line of each row.
        cells: The cells in row order.
    """
    width = len(header)
    columns = {index: list(map(str.strip, cells[index::width])) for index in range(width)}
    return pd.DataFrame(columns, index=lines, dtype=object).set_axis(header, axis=1)


def _sniffed(sample: str) -> str:
    """Return the delimiter of rows whose names are not known."""
    widths = {delimiter: _widths(sample, delimiter) for delimiter in DELIMITERS}
    fitting = [each for each in DELIMITERS if len(set(widths[each])) == 1 and widths[each][0] > 1]
    if not fitting:
        return find_delimiter(sample, ())
    return max(fitting, key=lambda delimiter: widths[delimiter][0])


def _widths(sample: str, delimiter: str) -> list[int]:
    """Return the number of cells of the header and of the first rows.

    There are none if a row is not CSV. The last row may be cut off, so it does not count.
    """
    widths: list[int] = []
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, strict=True)
    try:
        widths.extend(len(row) for row in rows if row)
    except csv.Error as error:
        if "unexpected end" not in str(error):
            return []
    return widths[:-1] if len(sample) == SAMPLE_CHARACTERS else widths
