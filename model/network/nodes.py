"""The operations of the graph, each with its derivative. g stands for ∂J/∂output."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from model.arrays import Array
from model.network.graph import Call, Node, Workspace
from model.network.initializers import Initializer
from model.network.parameters import Block


class Affine(Node):
    """z = W x + b, as [W | b] · [x ; 1].  ∂J/∂[W | b] = g · [x ; 1]ᵀ,  ∂J/∂x = Wᵀ g."""

    def __init__(self, source: Node, units: int, initializer: Initializer) -> None:
        super().__init__(source, units=units, block=Block(units, source.units, initializer))

    def forward(self, at: Workspace) -> Iterator[Call]:
        """One product: the bias rides on the row of ones."""
        yield partial(np.matmul, at.block, at.inputs[0], at.output)

    def backward(self, at: Workspace) -> Iterator[Call]:
        """Two products; the first gives weights' and biases' gradients at once."""
        assert at.block is not None
        transposed = at.inputs[0].swapaxes(-1, -2)
        yield partial(np.matmul, at.output_gradient, transposed, at.block_gradient)
        if at.input_gradients[0] is not None:
            weights = at.block[..., :-1].swapaxes(-1, -2)
            # With one unit this is an outer product, which broadcasting does twice as fast.
            product = np.multiply if self.units == 1 else np.matmul
            yield partial(product, weights, at.output_gradient, at.input_gradients[0])

    def evaluate(self, block: Array | None, *inputs: Array) -> Array:
        """W x + b."""
        assert block is not None
        return np.asarray(block[..., :-1] @ inputs[0] + block[..., -1:])


class ReLU(Node):
    """y = max(x, 0).  dy/dx = 1 where x > 0, else 0 (also at 0)."""

    in_place = True

    def __init__(self, source: Node) -> None:
        super().__init__(source, units=source.units)

    def forward(self, at: Workspace) -> Iterator[Call]:
        """Against an array of zeros, which is three times as fast as against a scalar."""
        x = at.inputs[0][..., :-1, :]
        zeros = np.zeros_like(x)
        yield partial(np.maximum, x, zeros, out=at.output)

    def backward(self, at: Workspace) -> Iterator[Call]:
        """sign(y) is the mask: y is never negative."""
        if at.input_gradients[0] is not None:
            mask = at.empty(at.output.shape)
            yield partial(np.sign, at.output, mask)
            yield partial(np.multiply, at.output_gradient, mask, at.input_gradients[0])

    def evaluate(self, block: Array | None, *inputs: Array) -> Array:  # noqa: ARG002
        """max(x, 0)."""
        return np.maximum(inputs[0], 0)


class Sigmoid(Node):
    """y = 1 / (1 + e⁻ˣ).  dy/dx = y (1 − y): at most ¼, and next to 0 where |x| > 5.

    Computed as (1 + tanh(x/2)) / 2, the same number without overflow.
    """

    in_place = True

    def __init__(self, source: Node) -> None:
        super().__init__(source, units=source.units)

    def forward(self, at: Workspace) -> Iterator[Call]:
        """½ · tanh(½ x) + ½."""
        half = np.array(0.5, at.output.dtype)
        yield partial(np.multiply, at.inputs[0][..., :-1, :], half, at.output)
        yield partial(np.tanh, at.output, at.output)
        yield partial(np.multiply, at.output, half, at.output)
        yield partial(np.add, at.output, half, at.output)

    def backward(self, at: Workspace) -> Iterator[Call]:
        """g · (y − y²)."""
        if at.input_gradients[0] is not None:
            slope = at.empty(at.output.shape)
            yield partial(np.multiply, at.output, at.output, slope)
            yield partial(np.subtract, at.output, slope, slope)
            yield partial(np.multiply, at.output_gradient, slope, at.input_gradients[0])

    def evaluate(self, block: Array | None, *inputs: Array) -> Array:  # noqa: ARG002
        """σ(x), exact to rounding at both ends."""
        return sigmoid(inputs[0])


def sigmoid(z: Array) -> Array:
    """σ(z) by the sign of z: e never overflows, small probabilities keep their digits."""
    decay = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, decay) / (1 + decay))
