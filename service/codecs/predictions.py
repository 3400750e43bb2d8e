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
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
    """

    def __init__(self, schema: Schema, threshold: float) -> None:
        self._schema, self._threshold = schema, threshold

    def answers(self, scored: ScoredBlock) -> list[dict[str, Any]]:
        """Return the answer of each row: prediction and imputed features, or errors.

        Args:
            scored: The rows, B of them, with predictions.

        Returns:
            B objects.
        """
        block = scored.block
        found = self._schema.target.answers(scored.predictions, self._threshold)
        answers: list[dict[str, Any]] = scored.with_gaps(found, None)
        for row, errors in block.errors.items():
            answers[row] = {"errors": errors}
        missing = np.isnan(block.values)
        if missing.any():
            missing[list(block.errors)] = False  # their values are undefined
            self._add_imputed(answers, np.argwhere(missing))
        return answers

    def _add_imputed(self, answers: list[dict[str, Any]], missing: Array) -> None:
        """Add the names of imputed features to the answers of rows with missing values.

        Args:
            answers: The answer of each row; changed in place.
            missing: `(N, 2)` int, row and column of each missing value, sorted.
        """
        names = self._schema.names
        for row, column in missing.tolist():
            answers[row].setdefault("imputed", []).append(names[column])
