"""The array type, checks of input arrays, and aligned allocation."""

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import NetworkError

Array = npt.NDArray[Any]
CACHE_LINE = 64  # bytes


def as_matrix(name: str, value: npt.ArrayLike, columns: int, dtype: npt.DTypeLike) -> Array:
    """Convert and check a matrix.

    Args:
        name: The argument's name, for the error text.
        value: Numbers of shape `(rows, columns)`; a vector `(rows,)` is accepted as one column.
        columns: The expected number of columns.
        dtype: The type of the result.

    Returns:
        A finite array `(rows, columns)` with at least one row; `value` itself where it is one.

    Raises:
        NetworkError: The values are not numbers, not finite or of another shape. The text names the
            argument, the expected shape and the given one.
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
    if np.count_nonzero(np.isfinite(matrix)) < matrix.size:  # half the time of all()
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise NetworkError(f"{name} must be finite, row {row} column {column} is not")
    return matrix


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


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Allocate zeros that start at a cache line.

    NumPy's own allocations are aligned only by chance. In an unaligned array each vector load
    touches two cache lines, and a product of arrays takes up to twice the time.

    Args:
        shape: The shape of the array.
        dtype: The type of the array.

    Returns:
        A new array of zeros.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def as_unsigned(array: Array) -> Array:
    """Return a view of the bits of an array's numbers as unsigned integers."""
    return array.view(f"u{array.dtype.itemsize}")


def digest(*arrays: Array | None) -> str:
    """Return the SHA-256 (hexadecimal) of arrays' bytes, shapes and dtypes; None is skipped."""
    sha256 = hashlib.sha256()
    for array in arrays:
        if array is not None:
            sha256.update(f"{array.dtype.str}{array.shape}".encode())
            sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()
