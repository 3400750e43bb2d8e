"""All parameters of a network as views of one flat vector θ, laid out block after block."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.network.initializers import Fans, Generator, Initializer


@dataclass(frozen=True)
class Block:
    """A matrix [W | b] of shape (outputs, inputs + 1): weights, and biases in the last column.

    fan_in, fan_out: for the initializer; by default inputs and outputs.
    penalized: whether weight decay and bounds of norms are for these weights, as for all but gains.
    """

    outputs: int
    inputs: int
    initializer: Initializer
    fan_in: int = 0
    fan_out: int = 0
    penalized: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs, inputs + 1)."""
        return self.outputs, self.inputs + 1

    @property
    def size(self) -> int:
        """How many parameters the block holds."""
        return self.outputs * (self.inputs + 1)

    def initial(self, generator: Generator) -> Array:
        """Fresh weights from the initializer, biases zero."""
        shape = self.outputs, self.inputs
        fans = Fans(shape, self.fan_in or self.inputs, self.fan_out or self.outputs)
        return np.column_stack([self.initializer(fans, generator), np.zeros(self.outputs)])


class Layout:
    """Where each block lies in θ. Works the same for θ (P,) and for K members' θ (K, P)."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self.blocks = blocks
        ends = [0]
        for block in blocks:
            ends.append(ends[-1] + block.size)
        self.size = ends[-1]
        self._slices = [slice(start, end) for start, end in pairwise(ends)]

    def views(self, theta: Array) -> list[Array]:
        """A view of each block, of shape (…, outputs, inputs + 1), that shares θ's memory."""
        return [
            theta[..., part].reshape(*theta.shape[:-1], *block.shape)
            for block, part in zip(self.blocks, self._slices, strict=True)
        ]

    def weights_mask(self) -> Array:
        """(P,) bool: True for weights; False for biases (the last columns) and gains."""
        mask = np.zeros(self.size, bool)
        for block, view in zip(self.blocks, self.views(mask), strict=True):
            view[:, :-1] = block.penalized
        return mask

    def initial(self, generator: Generator, dtype: npt.DTypeLike = np.float64) -> Array:
        """θ (P,) with fresh weights, drawn block by block in the order of the layers."""
        parts = [block.initial(generator).ravel() for block in self.blocks]
        return np.concatenate([np.empty(0), *parts]).astype(dtype)
