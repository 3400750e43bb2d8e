"""Long computations in parts, between which a service can do other work."""

from collections.abc import Generator
from typing import Final, TypeAlias, TypeVar

import numpy as np

from model.arrays import Array
from model.explanation.explained import Explained
from model.prediction.predictor import Predictor

T = TypeVar("T")
# A generator that returns the result, and yields after each part of a few milliseconds.
Parts: TypeAlias = Generator[None, None, T]
PART_PRODUCTS: Final = 2**25  # of rows and parameters: about 3 ms
MIN_PART_ROWS, MAX_PART_ROWS = 64, 4096


def finish(parts: Parts[T]) -> T:
    """Run all parts of a computation.

    Args:
        parts: The computation.

    Returns:
        Its result.
    """
    while True:
        try:
            next(parts)
        except StopIteration as end:
            result: T = end.value
            return result


def predict_in_parts(predictor: Predictor, inputs: Array) -> Parts[Array]:
    """Predict inputs, some rows a part; the same to the last bit as all at once.

    Args:
        predictor: The model.
        inputs: `(B, I)`, as `Predictor.encode` returns them.

    Returns:
        Predictions, `(B, outputs)`, float64.
    """
    predictions = np.empty((len(inputs), predictor.network.outputs))
    size = part_rows(predictor)
    for start in range(0, len(inputs), size):
        part = slice(start, start + size)
        predictions[part] = predictor.predict_inputs(inputs[part])
        yield
    return predictions


def part_rows(model: Explained) -> int:
    """Return the number of rows of one part, which a model predicts in a few milliseconds."""
    rows = PART_PRODUCTS // model.parameters
    return int(min(MAX_PART_ROWS, max(MIN_PART_ROWS, rows)))
