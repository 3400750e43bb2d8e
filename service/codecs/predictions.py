"""Predicted rows as the objects that JSON and NDJSON answers consist of."""

from typing import Any

import numpy as np

from model.arrays import Array
from model.prediction.schema import Schema
from service.codecs.blocks import ScoredBlock


class PredictionEncoder:
    """Encodes predicted rows as objects.

    Args:
        schema: The model's schema.
    """

    def __init__(self, schema: Schema) -> None:
        self._names, self._target = schema.names, schema.target

    def answers(self, scored: ScoredBlock, threshold: float) -> list[dict[str, Any]]:
        """Return the answer of each row: prediction and imputed features, or errors.

        Args:
            scored: The rows, B of them, with predictions.
            threshold: Decision threshold, 0 to 1; NaN if the model has none.

        Returns:
            B objects.
        """
        block = scored.block
        answers = scored.with_gaps(self._target.answers(scored.predictions, threshold), None)
        if block.errors:
            for row, found in block.answer_errors():
                answers[row] = {"errors": found}
        if not block.complete:
            missing = np.isnan(block.values)
            missing[list(block.errors)] = False  # their values are undefined
            self._add_imputed(answers, np.argwhere(missing))
        return answers

    def _add_imputed(self, answers: list[dict[str, Any]], missing: Array) -> None:
        """Add the names of imputed features to the answers of rows with missing values.

        Args:
            answers: The answer of each row; changed in place.
            missing: `(N, 2)` int, row and column of each missing value, sorted.
        """
        for row, column in missing.tolist():
            answers[row].setdefault("imputed", []).append(self._names[column])
