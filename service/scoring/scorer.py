"""A scorer of Arrow data that is sent to workers as a few texts, without its model."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa

from model.errors import DataError
from service.codecs.blocks import Block, TableRules
from service.codecs.charge import uncharged
from service.codecs.tabular.arrow_batches import ArrowBatches
from service.inference.block_scorer import BlockScorer, RowRecorder
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.scoring.columns import KeptColumns
from service.scoring.loading import load_version
from service.scoring.output import Explain, OutputBatches, scored_blocks

MAX_TEXT_BYTES: Final = 1 << 30  # of a column in one block


@dataclass(frozen=True)
class Scorer:
    """Scores tables with a model that each process loads once, at its first use.

    Results are those of POST /predict, to the last bit.

    Attributes:
        uri: Path or URI of the artifact's file, as the workers reach it.
        digest: SHA-256 of the file, hexadecimal, which each worker checks.
        threshold: Decision threshold; None for the model's.
        keep: Names of the columns to keep beside the predictions; None for all that are no
            features.
        mark: Whether an invalid row has a text in a column `error`; without, it is an error.
        explain: Whether to add explanations.
    """

    uri: str
    digest: str
    threshold: float | None = None
    keep: tuple[str, ...] | None = None
    mark: bool = True
    explain: bool = False

    def version(self) -> ModelVersion:
        """Return the model. Raises ArtifactError."""
        return load_version(self.uri, self.digest)

    def active_threshold(self) -> float:
        """Return the decision threshold; NaN if the model has none."""
        own = self.version().thresholds.active
        return own if self.threshold is None or math.isnan(own) else self.threshold

    def kept(self) -> KeptColumns:
        """Return the columns to keep."""
        return KeptColumns(self.version().predictor.schema, self.keep)

    def explain_rows(self) -> Explain | None:
        """Return the function that explains rows; None without explanations."""
        if not self.explain:
            return None
        from model.explanation.table_columns import explanation_columns  # takes a moment

        return partial(
            explanation_columns,
            "training",
            self.version().predictor,
            threshold=self.active_threshold(),
        )

    def output(self) -> OutputBatches:
        """Return what makes the batches of one table."""
        return OutputBatches(
            self.version(),
            self.active_threshold(),
            self.kept(),
            mark=self.mark,
            explain=self.explain_rows(),
        )

    def blocks_scorer(self, recording: RowRecorder | None = None) -> BlockScorer:
        """Return the scorer of the blocks of one table.

        Args:
            recording: Receives the predictions.
        """
        return BlockScorer(self.version(), self.active_threshold(), recording, mark=self.mark)

    def schema(self, input_schema: Any) -> Any:
        """Return the schema of the batches that `map_arrow` yields.

        Args:
            input_schema: Arrow schema of the batches that it is given.

        Raises:
            DataError: The columns do not fit the model.
        """
        with naming():
            batches = TableBatches(self.version().parser.rows.rules, self.kept(), input_schema)
            output = self.output()
            extra = self.kept().select(batches.begin.extra)
            output.begin(extra)
            if extra is not None:
                extra.errors(output.taken, output.columns)
        return output.schema

    def map_arrow(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Score record batches of one table, such as those of Spark's `mapInArrow`.

        Args:
            batches: The batches, all of one schema.

        Yields:
            Record batches with the rows in the same order; their sizes may differ.

        Raises:
            DataError: A column does not fit the model or, without `mark`, a row is invalid.
        """
        output, rules, kept = self.output(), self.version().parser.rows.rules, self.kept()

        def blocks() -> Iterator[Block]:
            table: TableBatches | None = None
            for batch in batches:
                if table is None:
                    table = TableBatches(rules, kept, batch.schema)
                    yield table.begin
                yield from table.blocks(batch)

        with naming():
            for scored in scored_blocks(blocks(), self.blocks_scorer(), kept, output):
                yield output.batch(scored)

    def __call__(self, table: Any) -> Any:
        """Score an Arrow table, such as a batch of Ray Data's `map_batches`.

        Args:
            table: The table.

        Returns:
            A table with the rows in the same order.

        Raises:
            DataError: A column does not fit the model or, without `mark`, a row is invalid.
        """
        schema = self.schema(table.schema)
        return pa.Table.from_batches(list(self.map_arrow(iter(table.to_batches()))), schema)


class TableBatches:
    """Turns the record batches of one table into blocks, without the columns that are not kept.

    Args:
        rules: The model's rules.
        kept: The columns to keep.
        schema: Arrow schema of the table.

    Attributes:
        begin: A block without rows, with the extra columns.

    Raises:
        Problem: The columns do not fit the model's schema (422).
    """

    def __init__(self, rules: TableRules, kept: KeptColumns, schema: Any) -> None:
        self._batches = ArrowBatches(rules, MAX_TEXT_BYTES)
        self._places = chosen_columns(rules, kept, schema.names)
        self.begin = self._batches.begin(pa.schema([schema.field(each) for each in self._places]))

    def blocks(self, batch: Any) -> Iterator[Block]:
        """Yield the rows of a batch."""
        columns = [batch.column(each) for each in self._places]
        fields = [batch.schema.field(each) for each in self._places]
        chosen = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
        yield from self._batches.blocks(chosen, uncharged)


def chosen_columns(rules: TableRules, kept: KeptColumns, names: list[str]) -> list[int]:
    """Return the places of the columns that are features, or that are kept.

    Args:
        rules: The model's rules.
        kept: The columns to keep.
        names: Names of all columns.
    """

    def is_feature(name: str) -> bool:
        known = rules.columns.find(name)
        return rules.aliases.get(known, known) in rules.names

    return [place for place, name in enumerate(names) if is_feature(name) or kept.keeps(name)]


class naming:
    """Turns a Problem within the context into a DataError with its rules.

    Args:
        place: The file or table, for the text; "" for none.
    """

    def __init__(self, place: str = "") -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Problem):
            prefix = f"{self._place}: " if self._place else ""
            raise DataError(f"{prefix}{problem_text(error)}") from None


def problem_text(problem: Problem) -> str:
    """Return the rules that a table breaks, or what is malformed, as one line."""
    if problem.errors:
        return "; ".join(f"{each['field']} {each['rule']}" for each in problem.errors)
    return problem.detail.replace("The body", "the file").rstrip(".")
