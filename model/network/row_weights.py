"""Weights of rows: shares of a mean loss, and weights by class."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.errors import NetworkError


def row_shares(weights: npt.ArrayLike | None, rows: int, dtype: npt.DTypeLike) -> Array:
    """Return each row's share of a weighted mean.

    Args:
        weights: `(B,)`, each at least 0; None gives all rows the same share.
        rows: B.
        dtype: The type of the result.

    Returns:
        `(B,)`, adding to 1: weights / their sum, or 1 / B without weights.

    Raises:
        NetworkError: There are not B weights, one is negative, or all are 0.
    """
    if weights is None:
        return np.full(rows, 1 / rows, dtype)
    shares = as_matrix("weights", weights, 1, dtype)[:, 0]
    check_length(len(shares), rows)
    if (shares < 0).any() or not shares.any():
        raise NetworkError("weights must be at least 0, and not all 0")
    return np.asarray(shares / shares.sum())


def class_weights(classes: npt.ArrayLike, weights: str | Sequence[float]) -> Array:
    """Return each row's weight by its class.

    Source of "balanced": King and Zeng, "Logistic regression in rare events data", 2001.

    Args:
        classes: `(B,)`, class numbers from 0.
        weights: One weight per class, each at least 0; or "balanced", rows / (classes · rows of the
            class), which gives every class the same total weight.

    Returns:
        `(B,)`, float64.

    Raises:
        NetworkError: A class number is invalid, a class has no weight, or a weight is negative.
    """
    numbers = as_matrix("classes", classes, 1, np.float64)[:, 0]
    if (numbers != np.floor(numbers)).any() or numbers.min() < 0:
        raise NetworkError("classes must be class numbers from 0")
    index = numbers.astype(int)
    if isinstance(weights, str):
        if weights != "balanced":
            raise NetworkError(f"weights must be balanced or one per class, got {weights!r:.80}")
        present, counts = np.unique(index, return_counts=True)
        by_class = np.zeros(present[-1] + 1)
        by_class[present] = len(index) / (len(present) * counts)
        return np.asarray(by_class[index])
    by_class = as_matrix("weights", weights, 1, np.float64)[:, 0]
    if (by_class < 0).any():
        raise NetworkError("weights must be at least 0")
    if index.max() >= len(by_class):
        raise NetworkError(f"weights must be one per class: class {index.max()} has none")
    return np.asarray(by_class[index])


def check_length(count: int, rows: int) -> None:
    """Check that there are as many targets or weights as rows.

    Args:
        count: The number of targets or weights.
        rows: The number of rows.

    Raises:
        NetworkError: The numbers differ.
    """
    if count != rows:
        raise NetworkError(f"targets and weights must be as many as the rows, {count} ≠ {rows}")
