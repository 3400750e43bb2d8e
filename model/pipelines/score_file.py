"""Score a file: a table in, the same table with its predictions out, a piece at a time."""

import csv
import io
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import joblib
import numpy as np
import pandas as pd

from model.artifacts.atomic_write import atomic_writer
from model.errors import DataError
from model.pipelines.parallel import workers
from model.prediction.predictor import Predictor
from model.training.tables.columns import read_column
from model.training.tables.readers import read_pieces, spelled


def score_file(
    predictor: Predictor,
    source: Path,
    output: Path,
    threshold: float,
    jobs: int = 1,
    cluster: str | None = None,
) -> int:
    """Write `output`, by its suffix CSV or Parquet, and return its number of rows.

    Needs the columns of the features, by name and in any order; others are passed on. jobs,
    cluster: see `workers`. Raises DataError naming the file, line and column of what
    the schema refuses; `output` is then as it was before.
    """
    write = _write_parquet if output.suffix == ".parquet" else _write_csv
    with (
        atomic_writer(output) as file,
        workers(jobs, cluster),
        closing(_scored_pieces(predictor, source, threshold, jobs, cluster)) as pieces,
    ):
        return write(file, pieces)


def _scored_pieces(
    predictor: Predictor, source: Path, threshold: float, jobs: int, cluster: str | None
) -> Generator[pd.DataFrame, None, None]:
    """In the table's order; read no faster than they are scored."""
    tasks = (
        joblib.delayed(_scored)(predictor, source, piece, threshold)
        for piece in read_pieces(source)
    )
    if jobs == 1 and cluster is None:  # no processes, and nothing to send to them
        yield from (function(*given) for function, given, _ in tasks)
        return
    yield from joblib.Parallel(return_as="generator")(tasks)


def _write_csv(file: BinaryIO, pieces: Iterable[pd.DataFrame]) -> int:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer, rows = csv.writer(text, lineterminator="\n"), 0
    for piece in pieces:
        if not rows:
            writer.writerow(piece.columns)
        writer.writerows(zip(*(spelled(cells).tolist() for _, cells in piece.items()), strict=True))
        rows += len(piece)
    text.detach()  # or it would close the file
    return rows


def _write_parquet(file: BinaryIO, pieces: Iterable[pd.DataFrame]) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        text = "writing Parquet needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(text) from None
    rows, writer = 0, None
    for piece in pieces:
        table = pyarrow.Table.from_pandas(piece, preserve_index=False, nthreads=1)
        writer = writer or parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
        rows += len(piece)
    if writer is not None:
        writer.close()
    return rows


def _scored(
    predictor: Predictor, source: Path, piece: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    """The piece with its two new columns."""
    schema = predictor.schema
    try:
        columns = [read_column(piece, feature) for feature in schema.features]
        for feature, column in zip(schema.features, columns, strict=True):
            missing = np.isnan(column)
            if missing.any() and not feature.may_be_missing:
                line = piece.index[int(missing.argmax())]
                raise DataError(f"line {line}, column {feature.name!r}: {feature.rule}")
    except DataError as error:
        raise DataError(f"{source.name}: {error}") from None
    predictions = predictor.predict(np.column_stack(columns)).astype(float)
    added = schema.target.columns(predictions, threshold)
    for name in added:
        if name in piece.columns:
            raise DataError(f"{source.name}: it has a column {name!r} already")
    return piece.assign(**added)
