"""The array type used throughout, and the checks every array from outside goes through."""

from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import NetworkError

Array = npt.NDArray[Any]


def as_matrix(name: str, value: npt.ArrayLike, columns: int, dtype: npt.DTypeLike) -> Array:
    """`value` as a finite array of shape (rows, columns).

    A vector is taken as one column. Raises NetworkError that names the argument, what was
    expected and what came.
    """
    try:
        matrix = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError):
        raise NetworkError(f"{name} must be numbers of shape (rows, {columns})") from None
    if matrix.ndim == 1 and columns == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[1] != columns:
        raise NetworkError(f"{name} must have shape (rows, {columns}), got {matrix.shape}")
    if not len(matrix):
        raise NetworkError(f"{name} must have at least one row, got none")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise NetworkError(f"{name} must be finite, row {row} column {column} is not")
    return matrix
