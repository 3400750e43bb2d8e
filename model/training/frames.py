"""Tables of text, from CSV or Parquet, a piece at a time: no more of a file in memory than that."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from model.errors import DataError

PIECE = 10_000  # rows


def read_frame(path: Path) -> pd.DataFrame:
    """All of a table: see `read_pieces`. Raises DataError where it has no rows."""
    pieces = list(read_pieces(path))
    if not pieces:
        raise DataError(f"{path}: not a table: it has no rows")
    return pd.concat(pieces)


def read_pieces(path: Path, rows: int = PIECE) -> Iterator[pd.DataFrame]:
    """The cells as text, "" where there is nothing, in pieces of so many rows.

    Cells are Python's own strings, whatever pandas has for text: those it iterates over slowly.
    The index is the line of the file a row begins on, in Parquet its number from 1. Raises
    DataError naming the file, and the line where a row does not fit the header.
    """
    try:
        yield from (_parquet if path.suffix == ".parquet" else _csv)(path, rows)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: cannot be read: not UTF-8 text") from None
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def _csv(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """Not by pandas: it takes a row's extra cell for an index, renames columns that are there
    twice, and loses count of the lines at blank ones and at line breaks within quotes.
    """
    header: list[str] = []
    lines: list[int] = []
    piece: list[list[str]] = []
    any_rows, line = False, 1
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                if cells and not header:
                    header = [cell.strip() for cell in cells]
                elif cells:  # a blank line has none
                    if len(cells) != len(header):
                        count = f"{len(cells)} cells, the header {len(header)}"
                        raise DataError(f"{path}: not a CSV table: line {line} has {count}")
                    lines.append(line)
                    piece.append(list(map(str.strip, cells)))
                    any_rows = True
                if len(piece) == rows:
                    yield pd.DataFrame(piece, index=lines, columns=header, dtype=object)
                    lines, piece = [], []
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}: not a CSV table: line {line}: {error}") from None
    if not any_rows:
        raise DataError(f"{path}: not a CSV table: it has no {'rows' if header else 'header'}")
    if piece:
        yield pd.DataFrame(piece, index=lines, columns=header, dtype=object)


def _parquet(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    try:
        from pyarrow import parquet
    except ImportError:
        text = "reading Parquet needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(f"{path}: {text}") from None
    done = 0
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(rows):
            columns = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
            cells = dict(zip(batch.schema.names, columns, strict=True))
            yield pd.DataFrame(cells, index=range(done + 1, done + 1 + len(batch)), dtype=object)
            done += len(batch)


def _text(value: Any) -> str:
    """A cell as a CSV file would have it; a whole number has no fraction."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
