"""An update of θ, bound to its vectors: the calls, and the state they keep from one to the next."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from model.arrays import Array, aligned
from model.network.graph import Call

# An update of many passes goes over θ in pieces of so many numbers, so that a piece stays in the
# cache between them.
CHUNK = 32768


@dataclass(frozen=True, eq=False)
class Update:
    """The calls of one update, in order; and what may change, or must be kept, between two.

    rate: () or (K, 1). momentum: (), in Adam and its kin β₁; None where there is none. Both may be
    overwritten in place between two updates, as schedules do.
    state: every array, rate and momentum too, that a checkpoint has to save. Copied back into the
    arrays of a new update (`update.state[key][...] = saved[key]`), with θ, they make it go on as
    the old one would have, bit for bit. Counts are int64 of shape ().
    """

    calls: list[Call]
    rate: Array
    momentum: Array | None
    state: dict[str, Array]

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)


@dataclass(frozen=True)
class ParameterSlice:
    """Some of the parameters: g, their gradient, and step, where a rule leaves θ's way down."""

    part: slice
    g: Array
    step: Array

    def of(self, vector: Array) -> Array:
        """The piece's part of an array of θ's shape."""
        return vector[..., self.part]

    def fit(self, scratch: Array) -> Array:
        """As much of one piece's scratch as this piece needs; a number stays as it is."""
        return scratch[..., : self.g.shape[-1]] if scratch.ndim else scratch


class OptimizerState:
    """What a rule works with, made once for one θ: (P,), or (K, P) for K members.

    begin: calls made once at the start of an update, before those of its pieces.
    """

    def __init__(self, theta: Array, rate: Array) -> None:
        self.rate = rate
        self.momentum: Array | None = None
        self.state = {"rate": rate}
        self.begin: list[Call] = []
        members, size = theta.shape[:-1], theta.shape[-1]
        width = min(max(CHUNK // max(math.prod(members), 1), 1024), size)
        self.parts = [slice(at, min(at + width, size)) for at in range(0, size, max(width, 1))]
        self._theta, self._shape = theta, (*members, width)

    def vector(self, key: str) -> Array:
        """Zeros of θ's shape that are part of the state."""
        self.state[key] = aligned(self._theta.shape, self._theta.dtype)
        return self.state[key]

    def number(self, key: str, value: float, dtype: npt.DTypeLike = np.float64) -> Array:
        """A number, as an array of shape (), that is part of the state."""
        self.state[key] = np.array(value, dtype)
        return self.state[key]

    def take_momentum(self, value: float) -> Array:
        """The momentum, which a schedule may change."""
        self.momentum = self.number("momentum", value, self._theta.dtype)
        return self.momentum

    def constant(self, value: float) -> Array:
        """A number of θ's type as an array of shape (): no conversion at every call."""
        return np.array(value, self._theta.dtype)

    def scratch(self) -> Array:
        """Room for one piece, which all of them use in turn."""
        return aligned(self._shape, self._theta.dtype)

    def spread(self, factor: Array) -> Array:
        """A factor () as it is; members' own (K, 1) written out for one piece at each update.

        NumPy (up to 2.4 at least) would write them out at every call, into memory it allocates.
        """
        if not factor.ndim:
            return factor
        full = self.scratch()
        self.begin.append(partial(np.copyto, full, factor))
        return full
