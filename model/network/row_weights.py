"""Weights of rows: their shares of a mean loss, and the weights that classes give their rows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.errors import NetworkError


def row_shares(weights: npt.ArrayLike | None, rows: int, dtype: npt.DTypeLike) -> Array:
    """Each row's share of a mean, adding to 1: (B,) weights / their sum, or 1 / B without.

    Raises NetworkError for weights that are negative or all zero.
    """
    if weights is None:
        return np.full(rows, 1 / rows, dtype)
    shares = as_matrix("weights", weights, 1, dtype)[:, 0]
    check_length(len(shares), rows)
    if (shares < 0).any() or not shares.any():
        raise NetworkError("weights must be at least 0, and not all 0")
    return np.asarray(shares / shares.sum())


def class_weights(classes: npt.ArrayLike, weights: str | Sequence[float]) -> Array:
    """Each row's weight (B,) by its class number, from 0.

    weights: one a class; or "balanced", rows / (classes · rows of the class), which lets every
    class weigh the same (King and Zeng 2001). Raises NetworkError for classes that have no weight.
    """
    numbers = as_matrix("classes", classes, 1, np.float64)[:, 0]
    if (numbers != np.floor(numbers)).any() or numbers.min() < 0:
        raise NetworkError("classes must be class numbers from 0")
    index = numbers.astype(int)
    if isinstance(weights, str):
        if weights != "balanced":
            raise NetworkError(f"weights must be balanced or one a class, got {weights!r:.80}")
        found, counts = np.unique(index, return_counts=True)
        each = np.zeros(found[-1] + 1)
        each[found] = len(index) / (len(found) * counts)
        return np.asarray(each[index])
    each = as_matrix("weights", weights, 1, np.float64)[:, 0]
    if (each < 0).any():
        raise NetworkError("weights must be at least 0")
    if index.max() >= len(each):
        raise NetworkError(f"weights must be one a class: class {index.max()} has none")
    return np.asarray(each[index])


def check_length(came: int, expected: int) -> None:
    """Raise NetworkError unless as many targets or weights came as there are rows."""
    if came != expected:
        raise NetworkError(f"targets and weights must be as many as the rows, {came} ≠ {expected}")
