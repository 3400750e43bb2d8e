"""Read tables of any format in chunks; only one chunk is in memory at a time."""

from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from model.artifacts.safe_read import require_regular_file
from model.errors import DataError
from model.prediction.cells import plain_text
from model.prediction.names import all_nfc
from model.prediction.numerals import Decimal
from model.prediction.predictor import PIECE_ROWS
from model.training.tables.arrow_tables import arrow_chunks
from model.training.tables.columns import as_text, with_nfc_names
from model.training.tables.decimal_marks import find_decimal
from model.training.tables.table_format import Compression, Dialect, Kind, TableFormat, kind_of
from model.training.tables.text_tables import complete_dialect, text_chunks
from model.training.tables.workbooks import workbook_chunks

# A multiple of the predictor's own chunks, so that predictions equal those of all rows at once.
CHUNK_ROWS = 5 * PIECE_ROWS


def read_frame(path: Path, max_rows: int | None = None) -> pd.DataFrame:
    """Read a table as text that is the same for each format of the file.

    Args:
        path: A table; see `read_chunks`.
        max_rows: Only read this many rows from the start. None reads all rows.

    Returns:
        Columns of Python strings, with names and cells in the form NFC, and cells as `plain_text`
        returns them: numbers have a decimal point and no groups of digits.

    Raises:
        DataError: If the file cannot be read, or has no rows.
    """
    return sniff_frame(path, max_rows)[0]


def sniff_frame(path: Path, max_rows: int | None = None) -> tuple[pd.DataFrame, TableFormat]:
    """Read a table as `read_frame` does, and return its format too.

    Args:
        path: A table; see `read_chunks`.
        max_rows: Only read this many rows from the start. None reads all rows.

    Raises:
        DataError: If the file cannot be read, or has no rows.
    """
    with _readable(path):
        kind, compression = kind_of(path)
        dialect = Dialect()
        if kind == "text":
            dialect = complete_dialect(path, compression, dialect)
        frame = _first_rows(_chunks(path, kind, compression, dialect, CHUNK_ROWS), max_rows)
        decimal = find_decimal(_columns(frame), dialect.delimiter)
        dialect = replace(dialect, decimal=decimal)
        if decimal == "," and kind != "text":  # its numbers were written with a point
            frame = _first_rows(_chunks(path, kind, compression, dialect, CHUNK_ROWS), max_rows)
    plain = frame.apply(partial(_plain_column, decimal=decimal))
    return plain, TableFormat(kind, compression, dialect)


def count_rows(path: Path, dialect: Dialect) -> int:
    """Return the number of rows of a table, in constant memory.

    Args:
        path: A table; see `read_chunks`.
        dialect: What is known about the spelling of text.

    Raises:
        DataError: If the file cannot be read.
    """
    return sum(len(chunk) for chunk in read_chunks(path, dialect=dialect))


def read_chunks(
    path: Path,
    rows: int = CHUNK_ROWS,
    names: Collection[str] = (),
    dialect: Dialect = Dialect(),  # noqa: B008 - it is immutable
    *,
    ragged: bool = False,
) -> Generator[pd.DataFrame, None, None]:
    """Read a table in chunks.

    Columns of text files and workbooks are text, "" for an empty cell. They hold Python strings,
    because iteration over pandas' own string types is slow. Columns of Parquet and Arrow keep
    Arrow's types; `as_text` converts them. The index is the line of the file on which a row
    begins, in Parquet and Arrow its number from 1.

    Args:
        path: A regular file: text with a header row, perhaps compressed by gzip or zstd; Parquet;
            an Arrow file or stream, such as Feather, version 2; or a workbook of Excel.
        rows: Rows of each chunk; the last one may have fewer.
        names: Names of columns by which the delimiter of text is found (see `find_delimiter`).
        dialect: What is known about the spelling of text.
        ragged: Whether rows of text may have more or fewer cells than the header (see
            `text_chunks`).

    Raises:
        DataError: If the file cannot be read, has no rows, or a row of text does not fit the
            header; the text names the file and the line.
    """
    with _readable(path, dialect):
        kind, compression = kind_of(path)
        if kind == "text":
            dialect = complete_dialect(path, compression, dialect, names)
        yield from _chunks(path, kind, compression, dialect, rows, ragged=ragged)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Begin the text of a DataError within with the name of a file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None


@contextmanager
def _readable(path: Path, dialect: Dialect = Dialect()) -> Iterator[None]:  # noqa: B008
    """Raise DataError for what goes wrong within while a file is read."""
    try:
        require_regular_file(path)  # training reads it twice, and a device has no end
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        encoding = (dialect.encoding or error.encoding).upper()
        raise DataError(f"{path}: cannot be read: not {encoding} text") from None
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def _chunks(
    path: Path,
    kind: Kind,
    compression: Compression,
    dialect: Dialect,
    rows: int,
    *,
    ragged: bool = False,
) -> Generator[pd.DataFrame, None, None]:
    if kind == "text":
        return text_chunks(path, compression, dialect, rows, ragged=ragged)
    if kind == "workbook":
        return workbook_chunks(path, rows, dialect.decimal)
    return arrow_chunks(path, kind, rows)


def _first_rows(chunks: Generator[pd.DataFrame, None, None], max_rows: int | None) -> pd.DataFrame:
    frames, rows = [], 0
    with closing(chunks):
        for chunk in chunks:
            frames.append(chunk)
            rows += len(chunk)
            if max_rows is not None and rows >= max_rows:
                break
    return with_nfc_names(pd.concat(frames)[:max_rows])


def _columns(frame: pd.DataFrame) -> Iterator["pd.Series[str]"]:
    return (as_text(frame.iloc[:, place]) for place in range(frame.shape[1]))


def _plain_column(column: "pd.Series[str]", decimal: Decimal | None) -> "pd.Series[str]":
    texts = as_text(column, decimal).tolist()
    known = {text: plain_text(text, decimal) for text in set(texts)}
    return pd.Series(all_nfc(map(known.__getitem__, texts)), column.index, object)
