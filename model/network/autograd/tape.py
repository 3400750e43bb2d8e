"""A tape: the computation graph of NumPy arrays, recorded while they are computed.

Every operation returns a new `Value` that remembers its inputs, and how a gradient goes back to
them. `backward` walks that record right to left. It makes the graph anew at every pass, in plain
formulas and without a thought for speed: for learning, and to test the compiled plan against.

In the docstrings a and b are an operation's inputs, y its output and g = ∂J/∂y. Where a
derivative is given as ∂y/∂a, ∂J/∂a is g times it, element by element.
Sources: Baydin et al. 2018, Automatic differentiation in machine learning: a survey, §3.2;
A. Karpathy's micrograd (https://github.com/karpathy/micrograd), the same idea on single numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.errors import NetworkError

Axes = int | tuple[int, ...] | None
Pullback = Callable[[Array], Array]  # from ∂J/∂y to ∂J/∂input, before broadcasting is undone


class Value:
    """An array in a graph: given by somebody, or computed from other values.

    data: float64, of any shape, copied. gradient: ∂J/∂data, of data's shape, from the last
    `backward` that came by; zeros before. operation: the name of what computed it, "" if given.
    inputs: what it was computed from. label: for tables and pictures, may be set at any time.
    Operands may be numbers and arrays too, and broadcast as in NumPy. Who changes data computes
    anew what follows from it. Raises NetworkError for what is not real numbers; shapes that do
    not fit raise NumPy's own ValueError.
    """

    __array_ufunc__ = None  # array * value: NumPy leaves it to __rmul__

    def __init__(self, data: npt.ArrayLike, label: str = "") -> None:
        self.data = _numbers("data", data)
        self.gradient: Array = np.zeros_like(self.data)
        self.operation = ""
        self.inputs: tuple[Value, ...] = ()
        self.label = label
        self._pullbacks: tuple[Pullback, ...] = ()

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value({self.data.tolist()}{label}, gradient={self.gradient.tolist()})"

    def backward(self, seed: npt.ArrayLike | None = None) -> None:
        """Set `gradient` of this value and all it was computed from, by the chain rule.

        All those gradients start from zero, so a second call sets the same again, not the double.
        seed: ∂J/∂self, of self's shape; 1 where self is the J, a single number. Raises
        NetworkError if self has several numbers and no seed is given, or one of another shape.
        """
        shape = self.data.shape
        if seed is None and self.data.size != 1:
            raise NetworkError(f"backward of a value of shape {shape} needs a seed of that shape")
        start = np.ones(shape) if seed is None else _numbers("seed", seed)
        if start.shape != shape:
            raise NetworkError(f"seed must have the value's shape {shape}, got {start.shape}")
        order = self.order()
        for value in order:
            value.gradient = np.zeros_like(value.data)
        self.gradient = start
        for value in reversed(order):
            for source, gradient in zip(value.inputs, value.pull(value.gradient), strict=True):
                source.gradient += gradient

    def pull(self, gradient: Array) -> list[Array]:
        """One step of the chain rule: ∂J/∂input of each input, when `gradient` is ∂J/∂self."""
        sources = zip(self.inputs, self._pullbacks, strict=True)
        return [_sum_to(pullback(gradient), source.data.shape) for source, pullback in sources]

    def order(self) -> "list[Value]":
        """Every value this one was computed from, each after its inputs, this one at the end."""
        order: dict[Value, None] = {}
        stack = [self]
        while stack:  # a loop, not recursion: a graph may be deeper than Python's call stack
            waiting = [source for source in stack[-1].inputs if source not in order]
            if waiting:
                stack += reversed(waiting)
            else:
                order[stack.pop()] = None
        return list(order)

    def __add__(self, other: "Operand") -> "Value":
        """A + b.  ∂y/∂a = 1,  ∂y/∂b = 1."""
        b = as_value(other)
        return _record("+", self.data + b.data, (self, lambda g: g), (b, lambda g: g))

    def __sub__(self, other: "Operand") -> "Value":
        """A − b.  ∂y/∂a = 1,  ∂y/∂b = −1."""
        b = as_value(other)
        return _record("-", self.data - b.data, (self, lambda g: g), (b, lambda g: -g))

    def __mul__(self, other: "Operand") -> "Value":
        """A b.  ∂y/∂a = b,  ∂y/∂b = a."""
        a, b = self, as_value(other)
        return _record("*", a.data * b.data, (a, lambda g: g * b.data), (b, lambda g: g * a.data))

    def __truediv__(self, other: "Operand") -> "Value":
        """A / b.  ∂y/∂a = 1 / b,  ∂y/∂b = −y / b."""
        a, b = self, as_value(other)
        y = a.data / b.data
        return _record("/", y, (a, lambda g: g / b.data), (b, lambda g: -g * y / b.data))

    def __matmul__(self, other: "Operand") -> "Value":
        """A b, of matrices, stacks of them and vectors.  ∂J/∂a = g bᵀ,  ∂J/∂b = aᵀ g."""
        a, b = self, as_value(other)
        y = a.data @ b.data
        row = a.data if a.data.ndim > 1 else a.data[None, :]  # a vector on the left is a row,
        column = b.data if b.data.ndim > 1 else b.data[:, None]  # on the right a column
        shape = (row @ column).shape

        def to_b(g: Array) -> Array:
            pulled = row.swapaxes(-1, -2) @ g.reshape(shape)
            return pulled if b.data.ndim > 1 else pulled[..., 0]

        return _record("@", y, (a, lambda g: g.reshape(shape) @ column.swapaxes(-1, -2)), (b, to_b))

    def __pow__(self, exponent: float) -> "Value":
        """aⁿ, n a constant number.  ∂y/∂a = n aⁿ⁻¹.  Raises NetworkError for another n."""
        n, a = exponent, self.data
        if not isinstance(n, int | float | np.integer | np.floating):
            raise NetworkError(f"a power must be a constant number, got {type(n).__name__}")
        return _record(f"** {n:g}", a**n, (self, lambda g: g * n * a ** (n - 1) if n else 0 * g))

    def __radd__(self, other: "Operand") -> "Value":
        return as_value(other) + self

    def __rsub__(self, other: "Operand") -> "Value":
        return as_value(other) - self

    def __rmul__(self, other: "Operand") -> "Value":
        return as_value(other) * self

    def __rtruediv__(self, other: "Operand") -> "Value":
        return as_value(other) / self

    def __rmatmul__(self, other: "Operand") -> "Value":
        return as_value(other) @ self

    def __neg__(self) -> "Value":
        """−a.  ∂y/∂a = −1."""
        return _record("neg", -self.data, (self, lambda g: -g))

    def exp(self) -> "Value":
        """eᵃ.  ∂y/∂a = y."""
        y = np.exp(self.data)
        return _record("exp", y, (self, lambda g: g * y))

    def expm1(self) -> "Value":
        """eᵃ − 1, exact near 0.  ∂y/∂a = eᵃ."""
        return _record("expm1", np.expm1(self.data), (self, lambda g: g * np.exp(self.data)))

    def log(self) -> "Value":
        """Ln a.  ∂y/∂a = 1 / a."""
        return _record("log", np.log(self.data), (self, lambda g: g / self.data))

    def log1p(self) -> "Value":
        """ln(1 + a), exact near 0.  ∂y/∂a = 1 / (1 + a)."""
        return _record("log1p", np.log1p(self.data), (self, lambda g: g / (1 + self.data)))

    def sqrt(self) -> "Value":
        """√a.  ∂y/∂a = 1 / 2y, infinite at 0."""
        y = np.sqrt(self.data)
        return _record("sqrt", y, (self, lambda g: g / (2 * y)))

    def tanh(self) -> "Value":
        """Tanh a.  ∂y/∂a = 1 − y²."""
        y = np.tanh(self.data)
        return _record("tanh", y, (self, lambda g: g * (1 - y * y)))

    def relu(self) -> "Value":
        """max(a, 0).  ∂y/∂a = 1 where a > 0, else 0 (also at 0)."""
        return _record("relu", np.maximum(self.data, 0), (self, lambda g: g * (self.data > 0)))

    def abs(self) -> "Value":
        """|a|.  ∂y/∂a = sign a, and 0 at 0."""
        return _record("abs", np.abs(self.data), (self, lambda g: g * np.sign(self.data)))

    __abs__ = abs

    def maximum(self, other: "Operand") -> "Value":
        """The larger, by elements.  ∂y/∂a = 1 where a > b, 0 where a < b, ½ where they are equal.

        So max(z, 0) + ln(1 + exp(−|z|)) has its true derivative, ½, also at 0.
        """
        a, b = self, as_value(other)
        share = (a.data > b.data) + (a.data == b.data) / 2
        y = np.maximum(a.data, b.data)
        return _record("maximum", y, (a, lambda g: g * share), (b, lambda g: g * (1 - share)))

    def sum(self, axis: Axes = None, keepdims: bool = False) -> "Value":
        """Σ a, over all or some axes.  ∂y/∂a = 1: every term gets the whole g."""
        y = self.data.sum(axis, keepdims=keepdims)
        return _record("sum", y, (self, self._spread(axis, keepdims)))

    def mean(self, axis: Axes = None, keepdims: bool = False) -> "Value":
        """Σ a / n, over all or some axes.  ∂y/∂a = 1 / n, n terms in each mean."""
        y, spread = self.data.mean(axis, keepdims=keepdims), self._spread(axis, keepdims)
        return _record("mean", y, (self, lambda g: spread(g) * g.size / self.data.size))

    def max(self, axis: Axes = None, keepdims: bool = False) -> "Value":
        """The largest, of all or along axes.  ∂y/∂a = 1 / k where a is one of k largest, else 0."""
        y, spread = self.data.max(axis, keepdims=keepdims), self._spread(axis, keepdims)
        largest = self.data == self.data.max(axis, keepdims=True)
        share = largest / largest.sum(axis, keepdims=True)
        return _record("max", y, (self, lambda g: spread(g) * share))

    def _spread(self, axis: Axes, keepdims: bool) -> Pullback:
        """Back over the axes a reduction took away, repeated along them."""
        shape = self.data.shape
        if keepdims or axis is None:
            return lambda g: np.broadcast_to(g, shape)
        return lambda g: np.broadcast_to(np.expand_dims(g, axis), shape)

    def reshape(self, *shape: int) -> "Value":
        """The same numbers in another shape.  ∂J/∂a = g in a's shape."""
        y = self.data.reshape(*shape)
        return _record("reshape", y, (self, lambda g: g.reshape(self.data.shape)))

    def transpose(self, *axes: int) -> "Value":
        """Axes in another order, by default the reverse.  ∂J/∂a = g with its axes put back."""
        y = self.data.transpose(*axes)
        order = [axis % y.ndim for axis in axes or reversed(range(y.ndim))]
        return _record("transpose", y, (self, lambda g: g.transpose(np.argsort(order))))

    @property
    def T(self) -> "Value":
        """`transpose()`."""
        return self.transpose()

    def __getitem__(self, index: Any) -> "Value":
        """a[index], any index of NumPy's.  ∂J/∂a = g at the places taken, summed, 0 elsewhere."""

        def scatter(g: Array) -> Array:
            whole = np.zeros_like(self.data)
            np.add.at(whole, index, g)
            return whole

        return _record("[ ]", self.data[index], (self, scatter))

    def __iter__(self) -> "Iterator[Value]":
        return (self[index] for index in range(len(self.data)))


Operand = Value | npt.ArrayLike


def as_value(operand: Operand) -> Value:
    """The operand itself if it is a Value, else a constant. Raises NetworkError if not numbers."""
    return operand if isinstance(operand, Value) else Value(operand)


def concatenate(values: Sequence[Operand], axis: int = 0) -> Value:
    """Values joined along an axis they have.  ∂J/∂a = the part of g that came from a."""
    parts = [as_value(value) for value in values]
    y = np.concatenate([part.data for part in parts], axis)
    places = np.split(np.arange(y.shape[axis]), np.cumsum([p.data.shape[axis] for p in parts]))
    pullbacks = [partial(np.take, indices=place, axis=axis) for place in places]
    return _record("concatenate", y, *zip(parts, pullbacks, strict=False))


def stack(values: Sequence[Operand], axis: int = 0) -> Value:
    """Values of one shape along a new axis.  ∂J/∂a = the part of g that came from a."""
    parts = [as_value(value) for value in values]
    y = np.stack([part.data for part in parts], axis)
    pullbacks = [partial(np.take, indices=index, axis=axis) for index in range(len(parts))]
    return _record("stack", y, *zip(parts, pullbacks, strict=True))


def _record(operation: str, data: Array, *sources: tuple[Value, Pullback]) -> Value:
    value = Value(data)
    value.operation = operation
    value.inputs = tuple(source for source, _ in sources)
    value._pullbacks = tuple(pullback for _, pullback in sources)
    return value


def _sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of an operand of this shape: summed over the axes it was repeated along."""
    new = tuple(range(gradient.ndim - len(shape)))
    repeated = tuple(len(new) + axis for axis, length in enumerate(shape) if length == 1)
    summed: Array = np.sum(gradient, axis=new + repeated, keepdims=True)
    return summed.reshape(shape)


def _numbers(name: str, data: npt.ArrayLike) -> Array:
    """A float64 copy. Raises NetworkError."""
    try:
        array = np.asarray(data)
    except ValueError:
        raise NetworkError(f"{name} must be numbers of one shape, got rows of several") from None
    if array.dtype.kind not in "biuf":
        raise NetworkError(f"{name} must be real numbers, got {array.dtype}")
    return array.astype(np.float64)
