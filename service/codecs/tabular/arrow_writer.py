"""Writer of application/vnd.apache.arrow.stream: record batches of predictions."""

import numpy as np
import pyarrow as pa

from model.prediction.target import Target
from service.codecs.blocks import ScoredBlock
from service.codecs.tabular.answer_columns import error_texts
from service.codecs.tabular.arrow_framing import END


class ArrowWriter:
    """Writes the columns of the target, and with `mark` a column `error`, null for valid rows.

    Args:
        target: The model's target.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        mark: Whether to add the column `error`.
    """

    def __init__(self, target: Target, threshold: float, *, mark: bool) -> None:
        self._target, self._threshold, self._mark = target, threshold, mark
        columns_by_name = target.columns(np.empty((0, len(target.names))), threshold)
        kinds = {name: _TYPES[column.dtype.kind]() for name, column in columns_by_name.items()}
        self._schema = pa.schema(kinds | ({"error": pa.string()} if mark else {}))

    def begin(self) -> bytes:
        """Return the schema message."""
        return bytes(self._schema.serialize())

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return a record batch, with nulls for invalid rows."""
        columns_by_name = self._target.columns(scored.predictions.astype(float), self._threshold)
        columns = [
            column if scored.good is None else scored.with_gaps(column.tolist(), None)
            for column in columns_by_name.values()
        ]
        if self._mark:
            columns.append(error_texts(scored.block, None))
        arrays = [pa.array(*each) for each in zip(columns, self._schema.types, strict=True)]
        return bytes(pa.record_batch(arrays, schema=self._schema).serialize())

    def end(self) -> bytes:
        """Return the end-of-stream marker."""
        return END


_TYPES = {"f": pa.float64, "b": pa.bool_, "O": pa.string}
