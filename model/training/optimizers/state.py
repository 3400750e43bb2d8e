"""The state of an optimizer, and one update of θ as a list of NumPy calls bound to its arrays."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from model.arrays import Array, aligned
from model.network.graph import Call

# Numbers per slice of θ. An update makes several passes; a slice of this size stays in the CPU
# cache between them.
CHUNK = 32768


@dataclass(frozen=True, eq=False)
class Update:
    """One update of θ: its calls in order, and the arrays that persist between two updates.

    A schedule overwrites `rate` and `momentum` in place between two updates.

    To resume: copy the saved arrays into those of a new update
    (`update.state[key][...] = saved[key]`) and restore θ. Training then continues bit for bit.

    Attributes:
        calls: The NumPy calls of one update, in order.
        rate: Learning rate, shape () or (K, 1) for K members.
        momentum: Shape (); β₁ for Adam, its variants and Lion. None for an optimizer without one.
        state: Every array that a checkpoint saves, `rate` and `momentum` included. Counts are
            int64 of shape ().
    """

    calls: list[Call]
    rate: Array
    momentum: Array | None
    state: dict[str, Array]

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)


@dataclass(frozen=True)
class ParameterSlice:
    """A contiguous range of the parameters, processed in one go.

    Attributes:
        indices: The range, on the last axis of θ.
        g: The gradient of this range, shape (…, width).
        step: Scratch array, shape (…, width). The optimizer leaves the step that is subtracted
            from θ in it.
    """

    indices: slice
    g: Array
    step: Array

    def view(self, vector: Array) -> Array:
        """Return this range of an array of θ's shape."""
        return vector[..., self.indices]

    def trim(self, scratch: Array) -> Array:
        """Return the part of a scratch array that this range needs; a scalar stays as it is."""
        return scratch[..., : self.g.shape[-1]] if scratch.ndim else scratch


class OptimizerState:
    """The arrays of an optimizer for one θ, allocated once.

    Args:
        theta: Parameters, shape (P,), or (K, P) for K members.
        rate: Learning rate, shape () or (K, 1).

    Attributes:
        rate: The learning rate, as given.
        momentum: The momentum coefficient, None until `add_momentum` is called.
        arrays: The arrays that a checkpoint saves, by key.
        prologue: Calls made once at the start of an update, before those of the slices.
        slices: Ranges of the parameters, each about `CHUNK` numbers over all members.
    """

    def __init__(self, theta: Array, rate: Array) -> None:
        self.rate = rate
        self.momentum: Array | None = None
        self.arrays = {"rate": rate}
        self.prologue: list[Call] = []
        members, size = theta.shape[:-1], theta.shape[-1]
        width = min(max(CHUNK // max(math.prod(members), 1), 1024), size)
        self.slices = [
            slice(start, min(start + width, size)) for start in range(0, size, max(width, 1))
        ]
        self._theta, self._slice_shape = theta, (*members, width)

    def add_vector(self, key: str) -> Array:
        """Add an array of zeros of θ's shape and dtype to the state."""
        self.arrays[key] = aligned(self._theta.shape, self._theta.dtype)
        return self.arrays[key]

    def add_scalar(self, key: str, value: float, dtype: npt.DTypeLike = np.float64) -> Array:
        """Add a number to the state.

        Args:
            key: Key of the number in `arrays`.
            value: Initial value.
            dtype: Type of the array.

        Returns:
            The number as an array of shape ().
        """
        self.arrays[key] = np.array(value, dtype)
        return self.arrays[key]

    def add_momentum(self, value: float) -> Array:
        """Add the momentum coefficient to the state; a schedule may change it."""
        self.momentum = self.add_scalar("momentum", value, self._theta.dtype)
        return self.momentum

    def constant(self, value: float) -> Array:
        """Return a number as an array of shape () of θ's dtype, so that no call converts it."""
        return np.array(value, self._theta.dtype)

    def scratch(self) -> Array:
        """Return a scratch array for one slice, which all slices use in turn."""
        return aligned(self._slice_shape, self._theta.dtype)

    def times_rate(self, factor: Array) -> Array:
        """Return the learning rate times a number (), in the shape of a slice, as `broadcast`.

        The product is computed at each update, after the calls of the prologue so far.
        """
        product = self.rate.copy()
        self.prologue.append(partial(np.multiply, self.rate, factor, product))
        return self.broadcast(product)

    def broadcast(self, factor: Array) -> Array:
        """Return a factor in the shape of a slice, refreshed at the start of each update.

        NumPy (2.4 included) would broadcast (K, 1) at every call, into memory that it allocates.
        A factor of shape () is returned as it is.
        """
        if not factor.ndim:
            return factor
        full = self.scratch()
        self.prologue.append(partial(np.copyto, full, factor))
        return full
