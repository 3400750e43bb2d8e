"""Record batches of a scored table: kept columns, predictions, facts, errors, explanations."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import pyarrow as pa

from model.arrays import Array
from service.codecs.blocks import Block, Rebatcher, ScoredBlock
from service.codecs.extra import Extra
from service.codecs.tabular.answer_columns import extra_names
from service.codecs.tabular.arrow_extra import ArrowColumns
from service.codecs.tabular.arrow_predictions import PredictionBatches
from service.inference.block_scorer import BlockScorer
from service.registry.model_version import ModelVersion
from service.scoring.columns import KeptColumns

# Called with valid rows `(B, F)`; returns further columns `(B,)` by name.
Explain = Callable[[Array], Mapping[str, Array]]


class Output(Protocol):
    """Names of the columns that a scored table has.

    Attributes:
        taken: Names that the output uses, and that extra columns cannot have.
        columns: Names of the extra columns of the table, after `begin`.
    """

    @property
    def taken(self) -> frozenset[str]: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    def begin(self, extra: Extra | None) -> None:
        """Set the columns.

        Args:
            extra: The extra columns of the first block.
        """


def scored_blocks(
    blocks: Iterable[Block], scorer: BlockScorer, kept: KeptColumns, output: Output
) -> Iterator[ScoredBlock]:
    """Yield the rows of a table with predictions, after `output.begin` was called.

    Args:
        blocks: The rows, in blocks of any size.
        scorer: The scorer.
        kept: The columns to keep.
        output: Receives the extra columns of the first block.
    """
    rebatcher, begun = Rebatcher(), False
    for received in blocks:
        received.extra = kept.select(received.extra)
        if not begun:
            output.begin(received.extra)
            if received.extra is not None:
                received.extra.errors(output.taken, output.columns)
            begun = True
        for block in rebatcher.add(received):
            yield scorer.score(block, output.taken, output.columns)
    if not begun:
        output.begin(None)
    for block in rebatcher.finish():
        yield scorer.score(block, output.taken, output.columns)


class OutputBatches:
    """Makes record batches of scored blocks (see `Output`).

    Args:
        version: The model.
        threshold: Decision threshold; NaN if the model has none.
        kept: The columns to keep.
        mark: Whether to add the column `error`.
        explain: Returns further columns of valid rows; None without explanations.
    """

    def __init__(
        self,
        version: ModelVersion,
        threshold: float,
        kept: KeptColumns,
        *,
        mark: bool,
        explain: Explain | None = None,
    ) -> None:
        predictor = version.predictor
        self._batches = PredictionBatches(
            predictor.schema.target, threshold, version.facts(threshold), mark=mark
        )
        self._kept, self._explain = kept, explain
        self._explained: dict[str, Any] = {}
        if explain is not None:
            example = explain(predictor.self_test.rows[:1])
            self._explained = {name: _type_of(column) for name, column in example.items()}
        self.taken = frozenset((*self._batches.taken, *kept.features, *self._explained))
        self.columns: tuple[str, ...] = ()
        self._kinds: tuple[Any, ...] = ()
        self.schema = pa.schema([])

    def begin(self, extra: Extra | None) -> None:
        """Set the schema.

        Args:
            extra: The extra columns of the first block.
        """
        self.columns = extra_names(extra, self.taken)
        self._kinds = (pa.string(),) * len(self.columns)
        if isinstance(extra, ArrowColumns):
            found = dict(zip(extra.names, extra.columns, strict=True))
            self._kinds = tuple(found[name].type for name in self.columns)
        names = (*self.columns, *self._kept.features)
        kinds = (*self._kinds, *self._kept.kinds)
        nothing = ArrowColumns(names, [pa.array([], kind) for kind in kinds])
        self._batches.begin(nothing if names else None)
        self.schema = self._batches.schema
        for name, kind in self._explained.items():
            self.schema = self.schema.append(pa.field(name, kind))

    def batch(self, scored: ScoredBlock) -> Any:
        """Return a record batch, with nulls for invalid rows."""
        block = scored.block
        extra = self._kept.add_as_arrow(block, self.columns, self._kinds)
        shown = Block(block.values, block.errors, block.complete, extra)
        batch = self._batches.batch(ScoredBlock(shown, scored.predictions, scored.good))
        if self._explain is None:
            return batch
        rows = block.values if scored.good is None else block.values[scored.good]
        found = self._explain(rows) if len(rows) else {}
        columns = [
            pa.array(
                scored.with_gaps(found[name].tolist(), None) if found else [None] * len(batch), kind
            )
            for name, kind in self._explained.items()
        ]
        return pa.record_batch([*batch.columns, *columns], schema=self.schema)


def _type_of(column: Array) -> Any:
    return {"f": pa.float64(), "b": pa.bool_()}.get(column.dtype.kind, pa.string())
