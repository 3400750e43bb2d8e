"""Read tables from CSV or Parquet in chunks; only one chunk is in memory at a time."""

import csv
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from model.artifacts.safe_read import require_regular_file
from model.errors import DataError
from model.prediction.delimiters import find_delimiter
from model.prediction.names import all_nfc
from model.prediction.predictor import PIECE_ROWS
from model.training.tables.columns import as_text, with_nfc_names

# A multiple of the predictor's own chunks, so that predictions equal those of all rows at once.
CHUNK_ROWS = 5 * PIECE_ROWS


def read_frame(path: Path, max_rows: int | None = None) -> pd.DataFrame:
    """Read a table as text, with names and cells in the form NFC.

    Args:
        path: A CSV or Parquet file; see `read_chunks`.
        max_rows: Only read this many rows from the start. None reads all rows.

    Raises:
        DataError: If the file cannot be read, or has no rows.
    """
    frames, rows = [], 0
    with closing(read_chunks(path)) as chunks:
        for chunk in chunks:
            frames.append(chunk)
            rows += len(chunk)
            if max_rows is not None and rows >= max_rows:
                break
    frame = with_nfc_names(pd.concat(frames)[:max_rows])
    return frame.apply(lambda column: pd.Series(all_nfc(as_text(column)), column.index, object))


def read_chunks(
    path: Path, rows: int = CHUNK_ROWS, names: Collection[str] = ()
) -> Generator[pd.DataFrame, None, None]:
    """Read a table in chunks.

    CSV columns are text, "" for an empty cell. They hold Python strings, because iteration over
    pandas' own string types is slow. Parquet columns keep Arrow's types; `as_text` converts them.
    The index is the line of the file on which a row begins, in Parquet its number from 1.

    Args:
        path: A regular file with the suffix .parquet, or CSV with a header row.
        rows: Rows of each chunk; the last one may have fewer.
        names: Names of columns by which the delimiter of CSV is found (see `find_delimiter`).

    Raises:
        DataError: If the file cannot be read, has no rows, or a CSV row does not fit the header;
            the text names the file and the line.
    """
    try:
        require_regular_file(path)  # training reads it twice, and a device has no end
        yield from _parquet(path, rows) if path.suffix == ".parquet" else _csv(path, rows, names)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: cannot be read: not UTF-8 text") from None
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Begin the text of a DataError within with the name of a file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None


def _csv(path: Path, rows: int, names: Collection[str]) -> Generator[pd.DataFrame, None, None]:
    """Read CSV without pandas.

    pandas takes a row's extra cell for an index, renames duplicate columns, and loses count of the
    lines at blank lines and at line breaks within quotes.
    """
    header: list[str] = []
    lines: list[int] = []
    cells: list[str] = []  # flat: a list per row would keep Python's garbage collector busy
    has_rows, line = False, 1
    with path.open(encoding="utf-8-sig", newline="") as file:
        first_line = next((each for each in file if each.strip("\r\n")), "")
        file.seek(0)
        reader = csv.reader(file, delimiter=find_delimiter(first_line, names), strict=True)
        try:
            for row in reader:
                if row and not header:
                    header = [cell.strip() for cell in row]
                elif row:  # a blank line has no cells
                    if len(row) != len(header):
                        count = f"{len(row)} cells, the header {len(header)}"
                        raise DataError(f"{path}: not a CSV table: line {line} has {count}")
                    lines.append(line)
                    cells += row
                    has_rows = True
                    if len(lines) == rows:
                        yield _frame_of_text(header, lines, cells)
                        lines, cells = [], []
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}: not a CSV table: line {line}: {error}") from None
    if not has_rows:
        raise DataError(f"{path}: not a CSV table: it has no {'rows' if header else 'header'}")
    if cells:
        yield _frame_of_text(header, lines, cells)


def _frame_of_text(header: list[str], lines: list[int], cells: list[str]) -> pd.DataFrame:
    """Build a frame from cells in row order."""
    width = len(header)
    columns = {index: list(map(str.strip, cells[index::width])) for index in range(width)}
    return pd.DataFrame(columns, index=lines, dtype=object).set_axis(header, axis=1)


def _parquet(path: Path, rows: int) -> Generator[pd.DataFrame, None, None]:
    try:
        from pyarrow import parquet
    except ImportError:
        text = "reading Parquet needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(f"{path}: {text}") from None
    done, pending, missing = 0, [], rows  # missing: rows until the chunk is complete
    with parquet.ParquetFile(path) as file:
        # One row group at a time: when iterating over all groups, Arrow keeps ever more memory.
        groups = range(file.num_row_groups)
        for batch in (each for k in groups for each in file.iter_batches(rows, row_groups=[k])):
            pending.append(batch.slice(0, missing))
            if len(batch) < missing:
                missing -= len(batch)
                continue
            yield _frame_of_arrow(pending, done)
            pending = [batch.slice(missing)] if len(batch) > missing else []
            done, missing = done + rows, rows - len(batch) + missing
    if pending:
        yield _frame_of_arrow(pending, done)
    elif not done:
        raise DataError(f"{path}: not a table: it has no rows")


def _frame_of_arrow(batches: list[Any], done: int) -> pd.DataFrame:
    """Build a frame from consecutive batches, whose row groups may have different dictionaries."""
    import pyarrow

    table = pyarrow.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame.set_axis(range(done + 1, done + 1 + len(frame)))
