"""Operations on whole layers, each with its derivative. dy is ∂J/∂y."""

from collections.abc import Callable
from functools import partial, reduce

import numpy as np

from model.arrays import Array
from model.network.activations.activation import Activation
from model.network.activations.registry import Linear
from model.network.graph import Call, Calls, Node, Workspace
from model.network.initializers import Initializer, Ones
from model.network.parameters import Block

# Rows up to which an outer product is not computed by multiplication.
FEW_ROWS = 128
# Bytes of a result up to which dot, which fills it with zeros first, is faster than matmul.
SMALL_RESULT = 2**15


def _product(left: Array, right: Array, out: Array) -> Call:
    """Compile a matrix product.

    For plain matrices with a small result dot starts 0.6 µs sooner than matmul. It would copy a
    matrix that is part of a larger one.
    """
    is_plain = left.ndim == right.ndim == 2 and left.flags.forc and right.flags.forc
    if is_plain and out.nbytes <= SMALL_RESULT:
        return partial(left.dot, right, out)
    return partial(np.matmul, left, right, out)


class Affine(Node):
    """y = W x + b, as [W | b] · [x ; 1].  ∂J/∂[W | b] = dy · [x ; 1]ᵀ,  ∂J/∂x = Wᵀ dy.

    Args:
        source: The node of x.
        units: The number of outputs.
        initializer: Draws the initial weights.
    """

    takes_ones = True

    def __init__(self, source: Node, units: int, initializer: Initializer) -> None:
        super().__init__(source, units=units, block=Block(units, source.units, initializer))

    def bind(self, ws: Workspace) -> Calls:
        """Compile three products; the row of ones includes the bias and its gradient."""
        block, d_block = ws.weights
        x = ws.inputs[0]
        backward = [_product(ws.dy, x.swapaxes(-1, -2), d_block)]
        if ws.d_inputs[0] is not None:
            backward.append(self._to_inputs(block[..., :-1], ws.dy, ws.d_inputs[0]))
        return [_product(block, x, ws.y)], backward

    def _to_inputs(self, weights: Array, dy: Array, dx: Array) -> Call:
        """Compute Wᵀ dy.

        With one unit it is an outer product, for which BLAS takes up to three times as long as a
        multiplication. Of few rows a multiplication, with a loop for each unit, takes the longest.
        """
        transposed = weights.swapaxes(-1, -2)
        if self.units > 1:
            return _product(transposed, dy, dx)
        if dx.shape[-1] > FEW_ROWS:
            return partial(np.multiply, transposed, dy, dx)
        if dx.ndim == 2:
            return _product(transposed, dy, dx)
        return partial(np.einsum, "...ou,...ob->...ub", weights, dy, out=dx)

    def evaluator(self, block: Array | None) -> Callable[[Array], Array]:
        """Return the affine function.

        For the network's rows, which all ensemble members share, it is one product for all members,
        with the bias on the row of ones. That matrix is stored by columns: for one row, BLAS takes
        half the time for a tall matrix in that order.
        """
        assert block is not None
        inputs = block.shape[-1] - 1
        whole = np.asfortranarray(block.reshape(-1, inputs + 1))
        weights, bias = _by_columns(block[..., :-1]), block[..., -1:].copy()
        members = block.shape[:-2]

        def value(x: Array) -> Array:
            y: Array
            if x.shape[-2] > inputs:
                y = np.matmul(whole, x)
                # Blocks have an axis of length 1 for the members.
                return y.reshape(*x.shape[:-3], *members, self.units, -1) if members else y
            y = np.matmul(weights, x)
            np.add(y, bias, y)
            return y

        return value


def _by_columns(weights: Array) -> Array:
    """Return a copy of weights `(…, units, inputs)` that is stored column by column."""
    return weights.swapaxes(-1, -2).copy().swapaxes(-1, -2)


class Activated(Node):
    """An activation of every unit.

    Args:
        source: The node of x.
        activation: The activation.
    """

    keeps_output = True

    def __init__(self, source: Node, activation: Activation) -> None:
        super().__init__(source, units=source.units, channels=source.channels)
        self.activation = activation
        self.in_place = activation.in_place

    def bind(self, ws: Workspace) -> Calls:
        return self.activation.bind(ws)

    def evaluator(self, block: Array | None) -> Callable[[Array], Array] | None:  # noqa: ARG002
        """Return the activation, which overwrites its input: no other node reads that array."""
        return None if isinstance(self.activation, Linear) else self.activation.overwrite


class Add(Node):
    """y = a + b: the end of a skip connection.  ∂J/∂a = ∂J/∂b = dy.

    Args:
        first: The node of a.
        second: The node of b.
    """

    def __init__(self, first: Node, second: Node) -> None:
        super().__init__(first, second, units=first.units, channels=first.channels)

    def bind(self, ws: Workspace) -> Calls:
        first, second = (value[..., :-1, :] for value in ws.inputs)
        wanted = [gradient for gradient in ws.d_inputs if gradient is not None]
        return [partial(np.add, first, second, ws.y)], [
            partial(np.copyto, gradient, ws.dy) for gradient in wanted
        ]

    def evaluator(self, block: Array | None) -> Callable[[Array, Array], Array]:  # noqa: ARG002
        return np.add


class MaxOver(Node):
    """y = the maximum of `pieces` groups of units.  ∂J/∂x = dy for the largest group, else 0.

    Of equal groups, the first receives the gradient.

    Source: Goodfellow et al., "Maxout networks", 2013, https://arxiv.org/abs/1302.4389

    Args:
        source: The node of x, `pieces` · units features.
        pieces: The number of groups.
    """

    def __init__(self, source: Node, pieces: int) -> None:
        super().__init__(source, units=source.units // pieces)
        self.pieces = pieces

    def bind(self, ws: Workspace) -> Calls:
        """Forward a running maximum; backward, each group takes what no earlier group took."""
        groups, gradients = self._groups(ws.x), self._groups(ws.dx)
        is_maximum, is_unassigned = (ws.scratch(ws.y.shape, bool) for _ in range(2))
        forward: list[Call] = [partial(np.copyto, ws.y, groups[0])]
        forward += [partial(np.maximum, ws.y, group, out=ws.y) for group in groups[1:]]
        backward: list[Call] = [partial(is_unassigned.fill, True)]
        for group, gradient in zip(groups, gradients, strict=True):
            backward += [
                partial(np.equal, group, ws.y, is_maximum),
                partial(np.logical_and, is_maximum, is_unassigned, is_maximum),
                partial(np.greater, is_unassigned, is_maximum, is_unassigned),
                partial(gradient.fill, 0),
                partial(np.copyto, gradient, ws.dy, where=is_maximum),
            ]
        return forward, backward

    def evaluator(self, block: Array | None) -> Callable[[Array], Array]:  # noqa: ARG002
        return lambda x: reduce(np.maximum, self._groups(x))

    def _groups(self, x: Array) -> list[Array]:
        """Return views of the groups; group p is the units p · units to (p + 1) · units."""
        return [x[..., p * self.units : (p + 1) * self.units, :] for p in range(self.pieces)]


class Normalize(Node):
    """y = gain · n + offset, n = (x − mean) / √(variance + ε) over the units of a row.

    With r = 1 / √(variance + ε) and h = gain · dy:  ∂J/∂x = r (h − mean(h) − n · mean(h n)),
    ∂J/∂gain = Σ dy n, ∂J/∂offset = Σ dy over the rows.

    Source: Ba et al., "Layer normalization", 2016, https://arxiv.org/abs/1607.06450

    Args:
        source: The node of x.
        epsilon: ε.
    """

    def __init__(self, source: Node, epsilon: float) -> None:
        block = Block(source.units, 1, Ones(), penalized=False)  # [gain | offset]
        super().__init__(source, units=source.units, channels=source.channels, block=block)
        self.epsilon = epsilon

    def bind(self, ws: Workspace) -> Calls:
        """Forward keeps n and r for backward."""
        block, d_block = ws.weights
        gain, offset, d_gain, d_offset = (
            part[..., column] for part in (block, d_block) for column in (slice(1), slice(1, None))
        )
        n, scratch, product = ws.scratch_like(ws.y), ws.scratch_like(ws.y), ws.scratch_like(ws.y)
        r, mean = (ws.scratch((*ws.y.shape[:-2], 1, ws.y.shape[-1])) for _ in range(2))
        share, epsilon = ws.scalar(1 / self.units), ws.scalar(self.epsilon)

        def mean_of(x: Array, out: Array) -> list[Call]:
            total = partial(np.add.reduce, x, axis=-2, out=out, keepdims=True)
            return [total, partial(np.multiply, out, share, out)]

        def sum_rows(x: Array, out: Array) -> Call:
            return partial(np.add.reduce, x, axis=-1, out=out, keepdims=True)

        return [
            partial(np.copyto, n, ws.x),
            *mean_of(n, mean),
            partial(np.subtract, n, mean, n),
            partial(np.multiply, n, n, scratch),
            *mean_of(scratch, r),
            partial(np.add, r, epsilon, r),
            partial(np.sqrt, r, r),
            partial(np.reciprocal, r, r),
            partial(np.multiply, n, r, n),
            partial(np.multiply, n, gain, ws.y),
            partial(np.add, ws.y, offset, ws.y),
        ], [
            partial(np.multiply, ws.dy, n, product),
            sum_rows(product, d_gain),
            sum_rows(ws.dy, d_offset),
            partial(np.multiply, ws.dy, gain, scratch),
            partial(np.multiply, scratch, n, product),
            *mean_of(product, mean),
            partial(np.multiply, n, mean, product),
            *mean_of(scratch, mean),
            partial(np.subtract, scratch, mean, scratch),
            partial(np.subtract, scratch, product, scratch),
            partial(np.multiply, scratch, r, ws.dx),
        ]

    def evaluator(self, block: Array | None) -> Callable[[Array], Array]:
        assert block is not None
        gain, offset = block[..., :1].copy(), block[..., 1:].copy()
        epsilon = block.dtype.type(self.epsilon)

        def value(x: Array) -> Array:
            n = x - x.mean(axis=-2, keepdims=True)
            n /= np.sqrt(np.square(n).mean(axis=-2, keepdims=True) + epsilon)
            return np.asarray(n * gain + offset)

        return value
