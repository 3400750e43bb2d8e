"""Triton's classification extension: the largest values of an output, as texts.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from service.codecs.open_inference.outputs import Output, TextOutput


@dataclass(frozen=True)
class Classification(TextOutput):
    """An output whose rows are their largest values, each as `value:index:name of the column`.

    Attributes:
        output: The output that has the values, of FP64 or BOOL.
        count: Number of values of a row, at least 1; an output with fewer columns has all of them.
    """

    output: Output
    count: int

    @property
    def name(self) -> str:
        """Name of the tensor, that of the output."""
        return self.output.name

    @property
    def row_bytes(self) -> int:
        """Upper limit of the memory of a row's values, encoded."""
        columns = self.output.columns
        longest = max(len(column.encode()) for column in columns)
        return len(columns) * (80 + 3 * (longest + 40))

    def compute(self, predictions: Array, threshold: float) -> Array:
        """Return the texts `(B, count)` of predictions, the largest value first.

        Args:
            predictions: Predictions `(B, outputs)`.
            threshold: Decision threshold.
        """
        columns = self.output.columns
        values = self.output.compute(predictions, threshold)
        if self.output.datatype == "BOOL":
            values = values.astype(np.uint8)
        order = np.argsort(-values.astype(np.float64), axis=1, kind="stable")[:, : self.count]
        largest = np.take_along_axis(values, order, axis=1)
        texts = np.empty(order.shape, dtype=object)
        texts.ravel()[:] = [
            f"{value!r}:{place}:{columns[place]}"
            for value, place in zip(largest.ravel().tolist(), order.ravel().tolist(), strict=True)
        ]
        return texts
