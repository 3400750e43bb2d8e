"""Writer of CSV and tab-separated values: a header row, then a row of predictions per line."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from model.prediction.target import Target
from service.codecs.answer_facts import AnswerFacts
from service.codecs.blocks import ScoredBlock
from service.codecs.extra import Extra
from service.codecs.tabular.answer_columns import (
    column_names,
    error_texts,
    extra_names,
    extra_texts,
    fact_texts,
)


class CsvWriter:
    """Writes extra columns, the columns of the target, facts, and with `mark` a column `error`.

    The cells of predictions are empty for invalid rows, and that of `error` for valid ones. Facts
    of the whole answer are headers of the response.

    Args:
        target: The model's target.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        facts: Facts of the answer.
        mark: Whether to add the column `error`.
        delimiter: The delimiter of cells.
    """

    def __init__(
        self,
        target: Target,
        threshold: float,
        facts: AnswerFacts,
        *,
        mark: bool,
        delimiter: str = ",",
    ) -> None:
        self._target, self._threshold, self._mark = target, threshold, mark
        self._delimiter = delimiter
        self._plain = re.compile(rf'[^{delimiter}"\r\n]*+')  # a cell without quotes
        self._facts, self.headers = facts.rows, facts.headers
        self.taken = [*column_names(target), *facts.rows.names, *(["error"] if mark else [])]
        self.columns: tuple[str, ...] = ()

    def begin(self, extra: Extra | None) -> bytes:
        """Return the header row.

        Args:
            extra: The extra columns of the first block.
        """
        self.columns = extra_names(extra, self.taken)
        return self._encode([*self.columns, *self.taken])

    def rows(self, scored: ScoredBlock) -> bytes:
        """Return rows of predictions, empty for invalid rows."""
        columns_by_name = self._target.columns(scored.predictions.astype(float), self._threshold)
        extra = extra_texts(scored.block, self.columns)
        columns = [list(map(self._quoted, cells)) for cells in extra]
        columns += [
            scored.with_gaps(self._as_cells(column), "") for column in columns_by_name.values()
        ]
        columns += map(self._repeated, fact_texts(self._facts, scored.block))
        if self._mark:
            columns.append(list(map(self._quoted, error_texts(scored.block, ""))))
        return ("\n".join(map(self._delimiter.join, zip(*columns, strict=True))) + "\n").encode()

    def end(self) -> bytes:
        """Return no bytes."""
        return b""

    def _as_cells(self, column: Array) -> list[str]:
        """Return numbers and labels `(B,)` as the csv module writes them."""
        if column.dtype.kind != "f":
            return self._repeated(column.tolist())
        # The JSON encoder writes the same digits in a fraction of the time, but other exponents.
        texts = to_json(column.tolist()).decode()[1:-1].split(",")
        size = np.abs(column)
        for place in np.flatnonzero((size != 0) & ((size < 1e-4) | (size >= 1e16))).tolist():
            texts[place] = repr(float(column[place]))
        return texts

    def _repeated(self, cells: list[Any]) -> list[str]:
        """Return cells of a few distinct values, quoted as needed."""
        quoted = {cell: self._quoted(str(cell)) for cell in set(cells)}
        return [quoted[cell] for cell in cells]

    def _quoted(self, cell: str) -> str:
        if self._plain.fullmatch(cell):
            return cell
        return self._encode([cell, ""])[:-2].decode()

    def _encode(self, row: Iterable[Any]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(row)
        return text.getvalue().encode()
