"""Weights of rows: shares of a mean loss."""

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
