"""Writer of application/vnd.apache.arrow.stream: record batches of predictions."""

from typing import Any

import numpy as np
import pyarrow as pa

from model.prediction.target import Target
from service.codecs.blocks import ScoredBlock
from service.codecs.extra import Extra
from service.codecs.tabular.answer_columns import error_texts, extra_names, extra_texts
from service.codecs.tabular.arrow_extra import ArrowColumns
from service.codecs.tabular.arrow_framing import END


class ArrowWriter:
    """Writes extra columns, the columns of the target, and with `mark` a column `error`.

    The cells of predictions are null for invalid rows, and that of `error` for valid ones. Extra
    columns of another format are text.

    Args:
        target: The model's target.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        mark: Whether to add the column `error`.
    """

    def __init__(self, target: Target, threshold: float, *, mark: bool) -> None:
        self._target, self._threshold, self._mark = target, threshold, mark
        columns_by_name = target.columns(np.empty((0, len(target.names))), threshold)
        kinds = {name: _TYPES[column.dtype.kind]() for name, column in columns_by_name.items()}
        self._kinds = kinds | ({"error": pa.string()} if mark else {})
        self.taken = self._kinds.keys()
        self.columns: tuple[str, ...] = ()
        self._schema = pa.schema([])

    def begin(self, extra: Extra | None) -> bytes:
        """Return the schema message.

        Args:
            extra: The extra columns of the first block.
        """
        self.columns = extra_names(extra, self.taken)
        kinds = dict.fromkeys(self.columns, pa.string())
        if isinstance(extra, ArrowColumns):
            kinds = dict(zip(extra.names, (each.type for each in extra.columns), strict=True))
        self._schema = pa.schema(kinds | self._kinds)
        return bytes(self._schema.serialize())

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return a record batch, with nulls for invalid rows."""
        columns_by_name = self._target.columns(scored.predictions.astype(float), self._threshold)
        extra = scored.block.extra
        columns: list[Any] = (
            list(extra.columns)
            if isinstance(extra, ArrowColumns)
            else [
                [cell or None for cell in cells]
                for cells in extra_texts(scored.block, self.columns)
            ]
        )
        columns += [
            column if scored.good is None else scored.with_gaps(column.tolist(), None)
            for column in columns_by_name.values()
        ]
        if self._mark:
            columns.append(error_texts(scored.block, None))
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, kind)
            for column, kind in zip(columns, self._schema.types, strict=True)
        ]
        return bytes(pa.record_batch(arrays, schema=self._schema).serialize())

    def end(self) -> bytes:
        """Return the end-of-stream marker."""
        return END


_TYPES = {"f": pa.float64, "b": pa.bool_, "O": pa.string}
