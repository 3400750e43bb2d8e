"""Facts of rows as output tensors of text, for requests that name them.

An answer has no such tensor by default, since a client may expect only the model's outputs.
"""

from typing import Any, ClassVar, Final

import numpy as np

from model.arrays import Array
from model.prediction.row_facts import Features, cells
from service.codecs.open_inference.outputs import as_byte_elements

ROW_BYTES: Final = 200


class FactOutput:
    """Output tensor of a fact: the names of features of each row, in one text.

    Args:
        name: Name of the fact.

    Attributes:
        name: The same.
        datatype: BYTES.
        row_bytes: Memory of a row's text, encoded, beyond `RowFacts.memory_bytes`.
    """

    datatype: ClassVar[str] = "BYTES"

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

    @staticmethod
    def as_json(texts: Array) -> list[Any]:
        """Encode texts as flat JSON data."""
        flat: list[Any] = texts.ravel().tolist()
        return flat

    @staticmethod
    def as_bytes(texts: Array) -> bytes:
        """Encode texts in the format of the binary tensor extension."""
        return b"".join(as_byte_elements(texts.ravel().tolist()))
