"""Batch scoring of files: a table with added predictions, processed in chunks."""

import csv
import io
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pandas as pd

from model.arrays import Array
from model.artifacts.atomic_write import atomic_writer
from model.errors import DataError, NetworkError
from model.parallel.opening import open_pool
from model.parallel.pool import in_order
from model.prediction.predictor import Predictor
from model.prediction.row_facts import RowFacts, cells
from model.training.tables.columns import ParsedRows, as_text, parse_rows, with_nfc_names
from model.training.tables.readers import naming, read_chunks
from model.training.tables.table_format import RAGGED, Dialect

ERROR: Final = "error"  # the column of marked rows
MAX_ERRORS: Final = 10  # of a marked row
FINITE_RULE: Final = "must hold values small enough for a finite answer"


# Called with the model, valid rows `(B, F)` and the threshold; returns columns `(B,)` by name.
ColumnsOf = Callable[[Predictor, Array, float], dict[str, Array]]


@dataclass(frozen=True)
class ScoredTable:
    """What was written.

    Attributes:
        rows: Number of rows.
        marked: Number of rows with an error in place of a prediction.
        prefix: The beginning of the names of added columns; "" unless the table had one of them.
    """

    rows: int = 0
    marked: int = 0
    prefix: str = ""


@dataclass(frozen=True)
class _Chunk:
    """Scored rows.

    Attributes:
        frame: The rows with the columns of their predictions.
        marked: Number of rows with an error.
        prefix: As in `ScoredTable`.
    """

    frame: pd.DataFrame
    marked: int
    prefix: str


def score_file(
    predictor: Predictor,
    source: Path,
    output: Path,
    threshold: float,
    jobs: int = 1,
    cluster: str | None = None,
    *,
    mark: bool = False,
    columns_of: ColumnsOf | None = None,
) -> ScoredTable:
    """Score the rows of a table, and write the table with its predictions.

    The table needs a column for each feature, in any order; other columns are copied. If one of
    them has the name of an added column, all added columns get a prefix. After an error, `output`
    is unchanged.

    Args:
        predictor: The model.
        source: A table; see `read_chunks`.
        output: File to write, in Parquet for the suffixes `.parquet` and `.pq`, else in CSV.
        threshold: Decision threshold for labels.
        jobs: Number of processes.
        cluster: Address of a Dask scheduler, whose workers are used instead.
        mark: Whether to add a column `error`, with the broken rules of an invalid row; such a row
            has no prediction. Without, an invalid row is an error.
        columns_of: Returns further columns of valid rows; a function that can be pickled.

    Returns:
        What was written.

    Raises:
        DataError: A column is missing or, without `mark`, a value violates the schema; the text
            names file, line and column.
        OSError: `output` cannot be written.
    """
    write = _write_parquet if output.suffix.lower() in (".parquet", ".pq") else _write_csv
    scored = ScoredTable()

    def frames(chunks: Iterable[_Chunk]) -> Generator[pd.DataFrame, None, None]:
        nonlocal scored
        for chunk in chunks:
            rows, marked = scored.rows + len(chunk.frame), scored.marked + chunk.marked
            scored = ScoredTable(rows, marked, chunk.prefix)
            yield chunk.frame

    score = partial(_scored, source=source, threshold=threshold, mark=mark, columns_of=columns_of)
    names, dialect = predictor.schema.sources, Dialect(decimal=predictor.schema.decimal)
    chunks = read_chunks(source, names=names, dialect=dialect, ragged=mark)
    with (
        atomic_writer(output) as file,
        open_pool(jobs, cluster) as pool,
        closing(in_order(pool.run(score, chunks, pool.share(predictor)))) as scored_chunks,
    ):
        write(file, frames(scored_chunks))
    return scored


def _write_csv(file: BinaryIO, chunks: Iterable[pd.DataFrame]) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer, is_first = csv.writer(text, lineterminator="\n"), True
    for chunk in chunks:
        if is_first:
            writer.writerow(chunk.columns)
            is_first = False
        writer.writerows(zip(*(_texts(cells) for _, cells in chunk.items()), strict=True))
    text.detach()  # so that it does not close the file


def _texts(column: "pd.Series[Any]") -> list[Any]:
    """Return the cells of a column as the csv module writes them, "" where there is none."""
    found = as_text(column)
    if found.dtype != object and found.hasnans:
        found = found.astype(object).where(found.notna(), "")
    return found.tolist()


def _write_parquet(file: BinaryIO, chunks: Iterable[pd.DataFrame]) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        text = "writing Parquet needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(text) from None
    writer = None
    for chunk in chunks:
        if not chunk.columns.is_unique:
            twice = chunk.columns[chunk.columns.duplicated()][0]
            raise DataError(f"Parquet cannot have two columns {twice!r}: rename one, or write CSV")
        table = pyarrow.Table.from_pandas(chunk, preserve_index=False, nthreads=1)
        writer = writer or parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _scored(
    predictor: Predictor,
    chunk: pd.DataFrame,
    source: Path,
    threshold: float,
    mark: bool,
    columns_of: ColumnsOf | None,
) -> _Chunk:
    """Return the chunk with the columns of its predictions."""
    schema = predictor.schema
    with naming(source):
        table = with_nfc_names(chunk)
        parsed = parse_rows(table, schema.features, schema.missing_values, schema.decimal)
        if not mark:
            parsed.require_valid()
    errors = _errors(parsed, schema.names, chunk)
    good = np.array([not each for each in errors])
    rows = parsed.values[good]
    predictions = _predict(predictor, rows)
    infinite = ~np.isfinite(predictions).all(axis=1)
    if infinite.any():
        places = np.flatnonzero(good)[infinite]
        if not mark:
            line = chunk.index[places[0]]
            raise DataError(f"{source.name}: line {line}: {FINITE_RULE}")
        good[places] = False
        for place in places.tolist():
            errors[place] = f"row {FINITE_RULE}"
        rows, predictions = rows[~infinite], predictions[~infinite]
    columns = schema.target.columns(predictions, threshold)
    if columns_of is not None:
        columns |= columns_of(predictor, rows, threshold)
    added: dict[str, Any] = {name: _spread(column, good) for name, column in columns.items()}
    place_of = np.flatnonzero(good).tolist()
    for name, features in RowFacts(schema).find(rows).items():
        added[name] = cells({place_of[row]: each for row, each in features.items()}, len(chunk))
    if mark:
        added[ERROR] = errors
    prefix = _prefix(chunk.columns, added)
    columns_added = {prefix + name: column for name, column in added.items()}
    frame = pd.concat([chunk, pd.DataFrame(columns_added, index=chunk.index)], axis=1)
    return _Chunk(frame, len(errors) - int(good.sum()), prefix)


def _errors(parsed: ParsedRows, names: Sequence[str], chunk: pd.DataFrame) -> list[str]:
    """Return the broken rules of each row as text, "" for valid rows."""
    errors = [""] * len(chunk)
    if parsed.invalid is not None:
        for row in np.flatnonzero(parsed.invalid.any(axis=1)).tolist():
            wrong = np.flatnonzero(parsed.invalid[row])[:MAX_ERRORS].tolist()
            errors[row] = "; ".join(f"{names[each]} {parsed.rule(row, each)}" for each in wrong)
    ragged = chunk.attrs.pop(RAGGED, ())  # Parquet would keep it
    if ragged:
        rule = f"row must have {chunk.shape[1]} cells"
        errors = [
            rule if line in ragged else error
            for line, error in zip(chunk.index, errors, strict=True)
        ]
    return errors


def _predict(predictor: Predictor, rows: Array) -> Array:
    """Predict valid rows; NaN for those whose values are too large to be scaled."""
    if not len(rows):
        return np.empty((0, len(predictor.schema.target.names)))
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            return predictor.predict(rows).astype(float)
        except NetworkError:
            if len(rows) == 1:
                return np.full((1, len(predictor.schema.target.names)), np.nan)
    return np.concatenate([_predict(predictor, row[np.newaxis]) for row in rows])


def _spread(column: Array, good: Array) -> Any:
    """Return a column of valid rows as one of all rows, of the same type in each chunk."""
    if column.dtype.kind == "f":
        spread = np.full(len(good), np.nan)
        spread[good] = column
        return spread
    values = np.full(len(good), None, dtype=object)
    values[good] = column
    return pd.Series(values, dtype="boolean" if column.dtype.kind == "b" else "string").array


def _prefix(given: Collection[str], added: Collection[str]) -> str:
    """Return a beginning of the names of added columns that makes them differ from others."""
    prefixes = (f"predicted_{number}_" for number in count(2))
    candidates = chain(("", "predicted_"), prefixes)
    return next(each for each in candidates if {each + name for name in added}.isdisjoint(given))
