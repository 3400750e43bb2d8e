"""The array type used throughout, the checks of arrays from outside, and room for new ones."""

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import NetworkError

Array = npt.NDArray[Any]
CACHE_LINE = 64  # bytes


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
    if np.count_nonzero(np.isfinite(matrix)) < matrix.size:  # in half the time of all()
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise NetworkError(f"{name} must be finite, row {row} column {column} is not")
    return matrix


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Zeros that begin where a cache line does; NumPy's own begin there only by chance.

    Elsewhere each load of a whole vector touches two lines: a product of arrays takes up to twice
    the time.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def digest(*arrays: Array | None) -> str:
    """A SHA-256 of arrays' bytes, shapes and types."""
    total = hashlib.sha256()
    for array in arrays:
        if array is not None:
            total.update(f"{array.dtype.str}{array.shape}".encode())
            total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
