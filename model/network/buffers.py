"""Buffers that the chunks of a batch share, so that a step works in the processor's cache."""

import math

import numpy.typing as npt

from model.arrays import Array, aligned


class Buffers:
    """Arrays that several chunks of the same shape use one after another.

    Every chunk requests the same arrays in the same order. The first one allocates them.

    Attributes:
        nbytes: The size of all arrays.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._arrays: list[Array] = []
        self._next = 0

    def restart(self) -> None:
        """Return the same arrays again, for another chunk."""
        self._next = 0

    def allocate(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return the next array.

        Args:
            shape: The shape of the array.
            dtype: The type of the array.

        Returns:
            Zeros at first, later what the previous chunk left.
        """
        if self._next == len(self._arrays):
            self._arrays.append(aligned((math.prod(shape),), dtype))
            self.nbytes += self._arrays[-1].nbytes
        self._next += 1
        return self._arrays[self._next - 1].reshape(shape)
