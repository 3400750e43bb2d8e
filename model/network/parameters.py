"""Parameter layout: all parameters of a network are views of one flat vector θ."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.network.initializers import Fans, Generator, Initializer


@dataclass(frozen=True)
class Block:
    """The parameters of one node: a matrix [W | b] of shape `(outputs, inputs + 1)`.

    Attributes:
        outputs: The number of rows of W.
        inputs: The number of columns of W; the biases are one more column.
        initializer: Draws the initial weights; biases start at 0.
        fan_in: For the initializer; 0 means `inputs`.
        fan_out: For the initializer; 0 means `outputs`.
        penalized: True if weight decay and norm constraints apply to these weights; False for
            gains.
    """

    outputs: int
    inputs: int
    initializer: Initializer
    fan_in: int = 0
    fan_out: int = 0
    penalized: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """`(outputs, inputs + 1)`."""
        return self.outputs, self.inputs + 1

    @property
    def size(self) -> int:
        """The number of parameters of the block."""
        return self.outputs * (self.inputs + 1)

    def initial(self, generator: Generator) -> Array:
        """Draw `(outputs, inputs + 1)`, float64: weights from the initializer, biases 0."""
        shape = self.outputs, self.inputs
        fans = Fans(shape, self.fan_in or self.inputs, self.fan_out or self.outputs)
        return np.column_stack([self.initializer(fans, generator), np.zeros(self.outputs)])


class Layout:
    """The place of each block in θ. Valid for θ `(P,)` and for θ `(K, P)` of K ensemble members.

    Attributes:
        blocks: The blocks in their order in θ.
        size: P, the number of parameters.
    """

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self.blocks = blocks
        ends = [0]
        for block in blocks:
            ends.append(ends[-1] + block.size)
        self.size = ends[-1]
        self._slices = [slice(start, end) for start, end in pairwise(ends)]

    def views(self, theta: Array) -> list[Array]:
        """Return a view of each block, `(…, outputs, inputs + 1)`, that shares θ's memory."""
        return [
            theta[..., part].reshape(*theta.shape[:-1], *block.shape)
            for block, part in zip(self.blocks, self._slices, strict=True)
        ]

    def weights_mask(self) -> Array:
        """Return `(P,)` bool: True for weights; False for biases (the last columns) and gains."""
        mask = np.zeros(self.size, bool)
        for block, view in zip(self.blocks, self.views(mask), strict=True):
            view[:, :-1] = block.penalized
        return mask

    def initial(self, generator: Generator, dtype: npt.DTypeLike = np.float64) -> Array:
        """Draw initial parameters, block by block in the order of the layers.

        Args:
            generator: The source of randomness.
            dtype: The type of the result.

        Returns:
            θ `(P,)`.
        """
        parts = [block.initial(generator).ravel() for block in self.blocks]
        return np.concatenate([np.empty(0), *parts]).astype(dtype)
