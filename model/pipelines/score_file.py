"""Batch scoring of files: a table with added predictions, processed in chunks."""

import csv
import io
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import joblib
import pandas as pd

from model.artifacts.atomic_write import atomic_writer
from model.errors import DataError
from model.pipelines.parallel import workers
from model.prediction.predictor import Predictor
from model.prediction.row_facts import RowFacts, cells
from model.training.tables.columns import as_text, read_rows, with_nfc_names
from model.training.tables.readers import naming, read_chunks
from model.training.tables.table_format import Dialect


def score_file(
    predictor: Predictor,
    source: Path,
    output: Path,
    threshold: float,
    jobs: int = 1,
    cluster: str | None = None,
) -> int:
    """Score the rows of a table, and write the table with its predictions.

    The table needs a column for each feature, in any order; other columns are copied. After an
    error, `output` is unchanged.

    Args:
        predictor: The model.
        source: CSV or Parquet file.
        output: File to write, in Parquet for the suffix `.parquet`, else in CSV.
        threshold: Decision threshold for labels.
        jobs: Number of processes, as in `workers`.
        cluster: Address of a Dask scheduler, as in `workers`.

    Returns:
        The number of rows.

    Raises:
        DataError: A value violates the schema (the text names file, line and column), or a column
            is missing or would be overwritten.
        OSError: `output` cannot be written.
    """
    write = _write_parquet if output.suffix.lower() in (".parquet", ".pq") else _write_csv
    with (
        atomic_writer(output) as file,
        workers(jobs, cluster),
        closing(_scored_chunks(predictor, source, threshold, jobs, cluster)) as chunks,
    ):
        return write(file, chunks)


def _scored_chunks(
    predictor: Predictor, source: Path, threshold: float, jobs: int, cluster: str | None
) -> Generator[pd.DataFrame, None, None]:
    """Yield scored chunks in the order of the table; reading is as fast as scoring at most."""
    tasks = (
        joblib.delayed(_scored)(predictor, source, chunk, threshold)
        for chunk in read_chunks(
            source,
            names=predictor.schema.sources,
            dialect=Dialect(decimal=predictor.schema.decimal),
        )
    )
    if jobs == 1 and cluster is None:  # in this process, without serialization
        yield from (function(*arguments) for function, arguments, _ in tasks)
        return
    yield from joblib.Parallel(return_as="generator")(tasks)


def _write_csv(file: BinaryIO, chunks: Iterable[pd.DataFrame]) -> int:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer, rows = csv.writer(text, lineterminator="\n"), 0
    for chunk in chunks:
        if not rows:
            writer.writerow(chunk.columns)
        writer.writerows(zip(*(as_text(cells).tolist() for _, cells in chunk.items()), strict=True))
        rows += len(chunk)
    text.detach()  # so that it does not close the file
    return rows


def _write_parquet(file: BinaryIO, chunks: Iterable[pd.DataFrame]) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        text = "writing Parquet needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(text) from None
    rows, writer = 0, None
    for chunk in chunks:
        table = pyarrow.Table.from_pandas(chunk, preserve_index=False, nthreads=1)
        writer = writer or parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
        rows += len(chunk)
    if writer is not None:
        writer.close()
    return rows


def _scored(
    predictor: Predictor, source: Path, chunk: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    """Return the chunk with the columns of its predictions."""
    schema = predictor.schema
    with naming(source):
        table = with_nfc_names(chunk)
        rows = read_rows(table, schema.features, schema.missing_values, decimal=schema.decimal)
    predictions = predictor.predict(rows).astype(float)
    added: dict[str, Any] = {**schema.target.columns(predictions, threshold)}
    facts = RowFacts(schema)
    for name, features in facts.find(rows).items():
        added[name] = cells(features, len(rows))
    for name in added:
        if name in chunk.columns:
            raise DataError(
                f"{source.name}: column {name!r} exists already, and predictions need the name"
            )
    return chunk.assign(**added)
