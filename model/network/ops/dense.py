"""The graph's operations on whole layers, each with its derivative. dy stands for ∂J/∂y."""

from collections.abc import Callable
from functools import partial, reduce

import numpy as np

from model.arrays import Array
from model.network.activations.activation import Activation
from model.network.activations.registry import Linear
from model.network.graph import Call, Calls, Node, Workspace
from model.network.initializers import Initializer, Ones
from model.network.parameters import Block


class Affine(Node):
    """y = W x + b, as [W | b] · [x ; 1].  ∂J/∂[W | b] = dy · [x ; 1]ᵀ,  ∂J/∂x = Wᵀ dy."""

    takes_ones = True

    def __init__(self, source: Node, units: int, initializer: Initializer) -> None:
        super().__init__(source, units=units, block=Block(units, source.units, initializer))

    def bind(self, at: Workspace) -> Calls:
        """Three products; bias and bias gradient ride on the row of ones."""
        block, d_block = at.weights
        x = at.inputs[0]
        # For plain matrices dot starts half a microsecond sooner; matmul is for members' stacks.
        product = np.dot if block.ndim == x.ndim == 2 else np.matmul
        backward: list[Call] = [partial(product, at.dy, x.swapaxes(-1, -2), d_block)]
        if at.d_inputs[0] is not None:
            backward.append(self._to_inputs(block[..., :-1], at.dy, at.d_inputs[0]))
        return [partial(product, block, x, at.y)], backward

    def _to_inputs(self, weights: Array, dy: Array, dx: Array) -> Call:
        """Wᵀ dy. With one unit an outer product, for which BLAS takes thrice the time."""
        if self.units > 1:
            return partial(np.matmul, weights.swapaxes(-1, -2), dy, dx)
        if dx.ndim == 2:
            return partial(np.multiply, weights.T, dy, dx)
        return partial(np.einsum, "...ou,...ob->...ub", weights, dy, out=dx)

    def evaluator(self, block: Array | None) -> Callable[[Array], Array]:
        """Of the rows, which all members share, one product for all, with the bias on the ones.

        By columns, for of one row BLAS takes half the time for a tall matrix that lies so.
        """
        assert block is not None
        inputs = block.shape[-1] - 1
        whole = np.asfortranarray(block.reshape(-1, inputs + 1))
        weights, bias = (part.copy() for part in (block[..., :-1], block[..., -1:]))
        members = () if block.ndim == 2 else (len(block), self.units, -1)
        product = np.matmul if members else np.dot  # as in `bind`

        def value(x: Array) -> Array:
            y: Array
            if x.ndim == 2 and len(x) > inputs:
                y = np.dot(whole, x)
                return y.reshape(members) if members else y
            y = product(weights, x)
            np.add(y, bias, y)
            return y

        return value


class Activated(Node):
    """An activation of every unit."""

    keeps_output = True

    def __init__(self, source: Node, activation: Activation) -> None:
        super().__init__(source, units=source.units, channels=source.channels)
        self.activation = activation
        self.in_place = activation.in_place

    def bind(self, at: Workspace) -> Calls:
        """The activation's calls."""
        return self.activation.bind(at)

    def evaluator(self, block: Array | None) -> Callable[[Array], Array] | None:  # noqa: ARG002
        """The activation's value; its input is of its own layer, so nobody else's to read."""
        return None if isinstance(self.activation, Linear) else self.activation.overwrite


class Add(Node):
    """y = a + b: a skip connection's end.  ∂J/∂a = ∂J/∂b = dy."""

    def __init__(self, first: Node, second: Node) -> None:
        super().__init__(first, second, units=first.units, channels=first.channels)

    def bind(self, at: Workspace) -> Calls:
        """One sum forward, a copy to either side backward."""
        first, second = (value[..., :-1, :] for value in at.inputs)
        wanted = [gradient for gradient in at.d_inputs if gradient is not None]
        return [partial(np.add, first, second, at.y)], [
            partial(np.copyto, gradient, at.dy) for gradient in wanted
        ]

    def evaluator(self, block: Array | None) -> Callable[[Array, Array], Array]:  # noqa: ARG002
        """A + b."""
        return np.add


class MaxOver(Node):
    """y = the largest of `pieces` groups of units.  ∂J/∂x = dy for the group that won, else 0.

    Of equal ones the first wins (Goodfellow et al. 2013, Maxout Networks).
    """

    def __init__(self, source: Node, pieces: int) -> None:
        super().__init__(source, units=source.units // pieces)
        self.pieces = pieces

    def bind(self, at: Workspace) -> Calls:
        """A running maximum; backward, each group takes what no earlier one has won."""
        groups, gradients = self._groups(at.x), self._groups(at.dx)
        won, left = np.empty(at.y.shape, bool), np.empty(at.y.shape, bool)
        forward: list[Call] = [partial(np.copyto, at.y, groups[0])]
        forward += [partial(np.maximum, at.y, group, out=at.y) for group in groups[1:]]
        backward: list[Call] = [partial(left.fill, True)]
        for group, gradient in zip(groups, gradients, strict=True):
            backward += [
                partial(np.equal, group, at.y, won),
                partial(np.logical_and, won, left, won),
                partial(np.greater, left, won, left),
                partial(gradient.fill, 0),
                partial(np.copyto, gradient, at.dy, where=won),
            ]
        return forward, backward

    def evaluator(self, block: Array | None) -> Callable[[Array], Array]:  # noqa: ARG002
        """The largest group."""
        return lambda x: reduce(np.maximum, self._groups(x))

    def _groups(self, x: Array) -> list[Array]:
        """Units p · units to (p + 1) · units are group p."""
        return [x[..., p * self.units : (p + 1) * self.units, :] for p in range(self.pieces)]


class Normalize(Node):
    """y = gain · n + offset, n = (x − mean) / √(variance + ε) over the units of a row.

    With r = 1 / √(variance + ε) and h = gain · dy:  ∂J/∂x = r (h − mean(h) − n · mean(h n)),
    ∂J/∂gain = Σ dy n, ∂J/∂offset = Σ dy over the rows (Ba et al. 2016, Layer Normalization).
    """

    def __init__(self, source: Node, epsilon: float) -> None:
        block = Block(source.units, 1, Ones(), penalized=False)  # [gain | offset]
        super().__init__(source, units=source.units, channels=source.channels, block=block)
        self.epsilon = epsilon

    def bind(self, at: Workspace) -> Calls:
        """N and r are left beside y for backward."""
        block, d_block = at.weights
        gain, offset, d_gain, d_offset = (
            part[..., column] for part in (block, d_block) for column in (slice(1), slice(1, None))
        )
        n, scratch, product = at.like(at.y), at.like(at.y), at.like(at.y)
        r = np.empty((*at.y.shape[:-2], 1, at.y.shape[-1]), at.y.dtype)
        mean = np.empty_like(r)
        share, epsilon = at.scalar(1 / self.units), at.scalar(self.epsilon)

        def mean_of(x: Array, out: Array) -> list[Call]:
            total = partial(np.add.reduce, x, axis=-2, out=out, keepdims=True)
            return [total, partial(np.multiply, out, share, out)]

        def sum_rows(x: Array, out: Array) -> Call:
            return partial(np.add.reduce, x, axis=-1, out=out, keepdims=True)

        return [
            partial(np.copyto, n, at.x),
            *mean_of(n, mean),
            partial(np.subtract, n, mean, n),
            partial(np.multiply, n, n, scratch),
            *mean_of(scratch, r),
            partial(np.add, r, epsilon, r),
            partial(np.sqrt, r, r),
            partial(np.reciprocal, r, r),
            partial(np.multiply, n, r, n),
            partial(np.multiply, n, gain, at.y),
            partial(np.add, at.y, offset, at.y),
        ], [
            partial(np.multiply, at.dy, n, product),
            sum_rows(product, d_gain),
            sum_rows(at.dy, d_offset),
            partial(np.multiply, at.dy, gain, scratch),
            partial(np.multiply, scratch, n, product),
            *mean_of(product, mean),
            partial(np.multiply, n, mean, product),
            *mean_of(scratch, mean),
            partial(np.subtract, scratch, mean, scratch),
            partial(np.subtract, scratch, product, scratch),
            partial(np.multiply, scratch, r, at.dx),
        ]

    def evaluator(self, block: Array | None) -> Callable[[Array], Array]:
        """Gain · n + offset."""
        assert block is not None
        gain, offset = block[..., :1].copy(), block[..., 1:].copy()
        epsilon = block.dtype.type(self.epsilon)

        def value(x: Array) -> Array:
            n = x - x.mean(axis=-2, keepdims=True)
            n /= np.sqrt(np.square(n).mean(axis=-2, keepdims=True) + epsilon)
            return np.asarray(n * gain + offset)

        return value
