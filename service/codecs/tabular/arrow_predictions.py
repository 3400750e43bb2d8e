"""Record batches of predictions, which Arrow streams, Arrow files and Parquet consist of."""

from typing import Any

import numpy as np
import pyarrow as pa

from model.prediction.row_facts import listed
from model.prediction.target import Target
from service.codecs.answer_facts import AnswerFacts, facts_of
from service.codecs.blocks import ScoredBlock
from service.codecs.extra import Extra
from service.codecs.tabular.answer_columns import error_texts, extra_names, extra_texts
from service.codecs.tabular.arrow_extra import ArrowColumns

_TYPES = {"f": pa.float64, "b": pa.bool_, "O": pa.string}


class PredictionBatches:
    """Makes batches of extra columns, the columns of the target, facts, and `error` with `mark`.

    The cells of predictions are null for invalid rows, and that of `error` for valid ones. Extra
    columns of another format are text. A fact is a list of features, null for rows without; facts
    of the whole answer are metadata of the schema.

    Args:
        target: The model's target.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        facts: Facts of the answer.
        mark: Whether to add the column `error`.

    Attributes:
        taken: Names that the answer uses, and that extra columns cannot have.
        columns: Names of the extra columns, after `begin`.
        schema: The schema of the batches, after `begin`.
    """

    def __init__(self, target: Target, threshold: float, facts: AnswerFacts, *, mark: bool) -> None:
        self._target, self._threshold, self._mark = target, threshold, mark
        self._facts = facts
        columns_by_name = target.columns(np.empty((0, len(target.names))), threshold)
        kinds = {name: _TYPES[column.dtype.kind]() for name, column in columns_by_name.items()}
        kinds |= dict.fromkeys(facts.rows.names, pa.list_(pa.string()))
        self._kinds = kinds | ({"error": pa.string()} if mark else {})
        self.taken = self._kinds.keys()
        self.columns: tuple[str, ...] = ()
        self.schema = pa.schema([])

    def begin(self, extra: Extra | None) -> None:
        """Set the schema.

        Args:
            extra: The extra columns of the first block.
        """
        self.columns = extra_names(extra, self.taken)
        kinds = dict.fromkeys(self.columns, pa.string())
        if isinstance(extra, ArrowColumns):
            kinds = dict(zip(extra.names, (each.type for each in extra.columns), strict=True))
        self.schema = pa.schema(kinds | self._kinds, self._facts.metadata)

    def batch(self, scored: ScoredBlock) -> Any:
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
        found = facts_of(self._facts.rows, scored.block)
        for name in self._facts.rows.names:
            features: list[list[str] | None] = [None] * len(scored.block.values)
            for row, names in found.get(name, {}).items():
                features[row] = listed(names)
            columns.append(features)
        if self._mark:
            columns.append(error_texts(scored.block, None))
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, kind)
            for column, kind in zip(columns, self.schema.types, strict=True)
        ]
        return pa.record_batch(arrays, schema=self.schema)
