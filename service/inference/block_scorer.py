"""Predict the valid rows of blocks, and mark those without a finite prediction."""

from collections import Counter
from collections.abc import Collection
from typing import Final, Protocol

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from service.codecs.blocks import ROW, Block, ScoredBlock
from service.codecs.extra import add_errors
from service.problems import FieldError, Problem
from service.registry.model_version import FINITE_RULE, ModelVersion

TOO_LARGE: Final = FieldError(field=ROW, rule=FINITE_RULE)


class RowRecorder(Protocol):
    """Receives predicted rows, such as a `Recording`."""

    def add(self, values: Array, predictions: Array, first_row: int = 0) -> None:
        """Add consecutive rows.

        Args:
            values: Raw rows, `(B, F)`, NaN where missing.
            predictions: Their predictions, `(B, outputs)`.
            first_row: Number of the first row in the table, from 0.
        """


class BlockScorer:
    """Predicts the consecutive blocks of one table.

    Args:
        model_version: The model that predicts.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        recording: Receives the predictions; None to record nothing.
        mark: Whether an invalid row is marked in the answer instead of rejecting the table.

    Attributes:
        rows: Number of scored rows.
        predicted_rows: Number of those with a prediction.
        labels: Number of rows by predicted label.
        rows_path: Path of the rows in errors; "" for an only row.
    """

    def __init__(
        self,
        model_version: ModelVersion,
        threshold: float,
        recording: RowRecorder | None = None,
        *,
        mark: bool,
    ) -> None:
        self._model_version, self._threshold, self._mark = model_version, threshold, mark
        self._recording = recording
        self.rows_path = "rows"
        self.rows = self.predicted_rows = 0
        self.labels: Counter[str] = Counter()

    def score(
        self, block: Block, taken: Collection[str], columns: Collection[str] | None
    ) -> ScoredBlock:
        """Return a block with predictions.

        Args:
            block: The rows; errors of its extra columns are added.
            taken: Names that the answer uses, and that extra columns cannot have.
            columns: Names of the extra columns of the answer; None if each row has others.

        Raises:
            Problem: A row is invalid, without `mark` (422).
        """
        if block.extra is not None:
            found = block.extra.errors(taken, columns)
            if found:
                errors = dict(block.errors)
                add_errors(errors, found)
                block.errors = dict(sorted(errors.items()))
        scored = self._scored(block)
        if scored.block.errors and not self._mark:
            raise Problem.invalid(scored.block.field_errors(self.rows_path, self.rows))
        self.rows += len(block.values)
        return scored

    def _scored(self, block: Block) -> ScoredBlock:
        """Return a block with predictions; without predictions if it rejects the table."""
        good: Array = np.ones(len(block.values), dtype=bool)
        good[list(block.errors)] = False
        if block.errors and not self._mark:
            return ScoredBlock(block, np.empty((0, 0)), good)
        try:
            return self._predicted(block, good)
        except Problem:  # some rows overflow
            errors = dict(block.errors)
            infinite = np.flatnonzero(good)[~self._is_finite(block.values[good])]
            good[infinite] = False
            errors |= {row: [TOO_LARGE] for row in infinite.tolist()}
            if len(errors) == len(block.errors):  # no row overflows alone
                raise
            block = Block(block.values, dict(sorted(errors.items())), extra=block.extra)
            return self._predicted(block, good)

    def _predicted(self, block: Block, good: Array) -> ScoredBlock:
        outputs = self._model_version.outputs
        if not good.any():
            return ScoredBlock(block, np.empty((0, outputs)), good)
        everything = bool(good.all())
        values = block.values if everything else block.values[good]
        predictions = self._model_version.predict(values)
        if self._recording is not None:
            self._record(self._recording, values, predictions, good)
        self.predicted_rows += len(predictions)
        target = self._model_version.predictor.schema.target
        self.labels.update(target.tally(predictions, self._threshold))
        return ScoredBlock(block, predictions, None if everything else good)

    def _record(
        self, recording: RowRecorder, values: Array, predictions: Array, good: Array
    ) -> None:
        """Record the valid rows of a block, each run of consecutive ones by itself."""
        places = np.flatnonzero(good)
        ends = np.flatnonzero(np.diff(places) > 1) + 1
        starts = [0, *ends.tolist()]
        for start, stop in zip(starts, [*starts[1:], len(places)], strict=True):
            first = self.rows + int(places[start])
            recording.add(values[start:stop], predictions[start:stop], first)

    def _is_finite(self, values: Array) -> Array:
        """Return `(B,)` bool: rows with finite inputs and predictions."""
        predictor = self._model_version.predictor
        encoder = predictor.encoder
        with np.errstate(over="ignore", invalid="ignore"):
            # As in `encode`, which rejects all rows because of one.
            inputs = (encoder.expand(values) - encoder.center) / encoder.spread
            finite = np.asarray(np.isfinite(inputs).all(axis=1))
            if finite.any():
                try:
                    predictions = predictor.predict(values[finite])
                except NetworkError:
                    return finite
                finite[finite] = np.isfinite(predictions).all(axis=1)
        return finite
