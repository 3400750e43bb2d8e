"""Tables, from CSV or Parquet, a piece at a time: no more of a file in memory than that."""

import csv
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model.errors import DataError
from model.prediction.predictor import PIECE_ROWS

PIECE = 5 * PIECE_ROWS  # so that predictions are those of all rows at once


def read_frame(path: Path, most: int | None = None) -> pd.DataFrame:
    """A table as text, or its first rows: see `read_pieces`.

    Raises DataError where it has no rows.
    """
    pieces, rows = [], 0
    with closing(read_pieces(path)) as coming:
        for piece in coming:
            pieces.append(piece)
            rows += len(piece)
            if most is not None and rows >= most:
                break
    if not pieces:
        raise DataError(f"{path}: not a table: it has no rows")
    return pd.concat(pieces)[:most].apply(spelled)


def read_pieces(path: Path, rows: int = PIECE) -> Generator[pd.DataFrame, None, None]:
    """The table's columns, in pieces of so many rows, the last one of what is left.

    From CSV they are text, "" where there is nothing, in Python's own strings, whatever pandas has
    for text: those it iterates over slowly. From Parquet they keep Arrow's types: `spelled` makes
    them text. The index is the line of the file a row begins on, in Parquet its number from 1.
    Raises DataError naming the file, and the line where a row does not fit the header.
    """
    try:
        yield from (_parquet if path.suffix == ".parquet" else _csv)(path, rows)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: cannot be read: not UTF-8 text") from None
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def _csv(path: Path, rows: int) -> Generator[pd.DataFrame, None, None]:
    """Not by pandas: it takes a row's extra cell for an index, renames columns that are there
    twice, and loses count of the lines at blank ones and at line breaks within quotes.
    """
    header: list[str] = []
    lines: list[int] = []
    piece: list[str] = []  # flat: so many lists would keep Python's garbage collector busy
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
                    piece += cells
                    any_rows = True
                    if len(lines) == rows:
                        yield _of_text(header, lines, piece)
                        lines, piece = [], []
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}: not a CSV table: line {line}: {error}") from None
    if not any_rows:
        raise DataError(f"{path}: not a CSV table: it has no {'rows' if header else 'header'}")
    if piece:
        yield _of_text(header, lines, piece)


def _of_text(header: list[str], lines: list[int], piece: list[str]) -> pd.DataFrame:
    """piece: the cells, row by row."""
    width = len(header)
    columns = {place: list(map(str.strip, piece[place::width])) for place in range(width)}
    return pd.DataFrame(columns, index=lines, dtype=object).set_axis(header, axis=1)


def _parquet(path: Path, rows: int) -> Generator[pd.DataFrame, None, None]:
    try:
        from pyarrow import parquet
    except ImportError:
        text = "reading Parquet needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(f"{path}: {text}") from None
    done, waiting, short = 0, [], rows
    with parquet.ParquetFile(path) as file:
        groups = range(file.num_row_groups)  # one by one: of all at once Arrow keeps ever more
        for batch in (each for k in groups for each in file.iter_batches(rows, row_groups=[k])):
            waiting.append(batch.slice(0, short))
            if len(batch) < short:
                short -= len(batch)
                continue
            yield _of_arrow(waiting, done)
            waiting = [batch.slice(short)] if len(batch) > short else []
            done, short = done + rows, rows - len(batch) + short
    if waiting:
        yield _of_arrow(waiting, done)


def _of_arrow(batches: list[Any], done: int) -> pd.DataFrame:
    """batches: one after another; of several groups each may have categories of its own."""
    import pyarrow

    table = pyarrow.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    piece: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return piece.set_axis(range(done + 1, done + 1 + len(piece)))


def spelled(column: "pd.Series[Any]") -> "pd.Series[str]":
    """A column's cells as a CSV file would have them, "" for null and NaN; text stays as it is."""
    if not isinstance(column.dtype, pd.ArrowDtype):
        return column
    try:
        codes, distinct = pd.factorize(column)
    except NotImplementedError:  # Arrow cannot tell lists or records apart
        codes, distinct = np.arange(len(column)), pd.Index(column)
    cells = distinct.array.__arrow_array__().to_pylist()
    texts = np.array([*map(_text, cells), ""], dtype=object)  # the last one is null's, of code -1
    return pd.Series(texts[codes], index=column.index, name=column.name, dtype=object)


def _text(value: Any) -> str:
    """A whole number has no fraction."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
