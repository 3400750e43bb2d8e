"""Facts of rows as output tensors of text, for requests that name them.

An answer has no such tensor by default, since a client may expect only the model's outputs.
"""

from typing import Final

import numpy as np

from model.arrays import Array
from model.prediction.row_facts import Features, cells
from service.codecs.open_inference.outputs import TextOutput

ROW_BYTES: Final = 200


class FactOutput(TextOutput):
    """Output tensor of a fact: the names of features of each row, in one text.

    Args:
        name: Name of the fact.

    Attributes:
        name: The same.
        row_bytes: Memory of a row's text, encoded, beyond `RowFacts.memory_bytes`.
    """

    def __init__(self, name: str) -> None:
        self.name, self.row_bytes = name, ROW_BYTES
        self._texts: Array = np.empty((0, 1), dtype=object)

    def fill(self, features: Features, rows: int) -> None:
        """Set the features of the rows.

        Args:
            features: Names of features by row.
            rows: Number of rows.
        """
        self._texts = np.array(cells(features, rows), dtype=object).reshape(-1, 1)

    def compute(self, predictions: Array, threshold: float) -> Array:  # noqa: ARG002
        """Return the texts `(B, 1)`.

        Args:
            predictions: Predictions of the rows.
            threshold: Decision threshold.
        """
        return self._texts
