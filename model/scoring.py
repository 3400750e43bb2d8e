"""Score a file: a table in, the same table with probability and label out, a piece at a time."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from model.errors import DataError
from model.predictor import Predictor
from model.publishing import publishing
from model.training.dataset import read_column
from model.training.frames import read_pieces

ADDED = ("probability", "label")


def score_file(predictor: Predictor, source: Path, output: Path, threshold: float) -> int:
    """Write `output`, by its suffix CSV or Parquet, and return its number of rows.

    Needs the columns of the features, by name and in any order; others are passed on. Raises
    DataError naming the file, line and column of what the schema refuses; `output` is then as it
    was before.
    """
    if output.suffix == ".parquet":
        return _to_parquet(predictor, source, output, threshold)
    rows = 0
    with publishing(output) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        for piece in read_pieces(source):
            scored = _scored(predictor, source, piece, threshold)
            if not rows:
                writer.writerow(scored.columns)
            writer.writerows(scored.itertuples(index=False, name=None))
            rows += len(scored)
        text.detach()  # or it would close the file
    return rows


def _to_parquet(predictor: Predictor, source: Path, output: Path, threshold: float) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        text = "writing Parquet needs the parquet extra: pip install 'malignancy[train,parquet]'"
        raise DataError(f"{output}: {text}") from None
    rows, writer = 0, None
    with publishing(output) as file:
        for piece in read_pieces(source):
            scored = _scored(predictor, source, piece, threshold)
            table = pyarrow.Table.from_pandas(scored, preserve_index=False)
            writer = writer or parquet.ParquetWriter(file, table.schema)
            writer.write_table(table)
            rows += len(scored)
        if writer is not None:
            writer.close()
    return rows


def _scored(
    predictor: Predictor, source: Path, piece: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    """The piece with its two new columns."""
    for name in ADDED:
        if name in piece.columns:
            raise DataError(f"{source.name}: it has a column {name!r} already")
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
    probabilities = predictor.probabilities(np.column_stack(columns)).astype(float)
    labels = np.where(probabilities > threshold, schema.positive, schema.negative)
    return piece.assign(probability=probabilities.tolist(), label=labels.tolist())
