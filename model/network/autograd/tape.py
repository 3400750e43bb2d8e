"""A tape: the computation graph of NumPy arrays, recorded while they are computed.

Every operation returns a new `Value` that stores its inputs and how a gradient is propagated back
to them. `backward` traverses the record in reverse. The graph is recorded again at every pass, in
plain formulas and without optimization: for learning, and as the reference of the compiled plan.

In the docstrings a and b are an operation's inputs, y is its output and g = ∂J/∂y. Where a
derivative is given as ∂y/∂a, ∂J/∂a is g times that, element by element.

Sources: Baydin et al., "Automatic differentiation in machine learning: a survey", 2018, §3.2,
https://jmlr.org/papers/v18/17-468.html; A. Karpathy, micrograd, the same idea on single numbers,
https://github.com/karpathy/micrograd
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
    """An array in a graph: an input, or the result of an operation.

    Operands may also be numbers and arrays, and broadcast as in NumPy. After a change of `data`,
    the values computed from it must be computed again. Shapes that do not match raise NumPy's
    ValueError.

    Args:
        data: Real numbers of any shape, copied.
        label: For tables and pictures; may be changed at any time.

    Attributes:
        data: float64.
        gradient: ∂J/∂data, of the shape of `data`, from the last `backward` that reached the value;
            zeros before.
        operation: The name of the operation that computed the value; "" for an input.
        inputs: The values it was computed from.

    Raises:
        NetworkError: The data are not real numbers of one shape.
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
        """Set `gradient` of this value and of all that it was computed from, by the chain rule.

        All these gradients start from zero, so a second call sets the same values again.

        Args:
            seed: ∂J/∂self, of the shape of `data`; None for 1, if this value is J, a single number.

        Raises:
            NetworkError: The seed has another shape, or is missing for a value with several
                numbers.
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
        """Return ∂J/∂input of each input for `gradient` = ∂J/∂self: one step of the chain rule."""
        sources = zip(self.inputs, self._pullbacks, strict=True)
        return [_sum_to(pullback(gradient), source.data.shape) for source, pullback in sources]

    def order(self) -> "list[Value]":
        """Return all values that this one depends on, each after its inputs; this one is last."""
        order: dict[Value, None] = {}
        stack = [self]
        while stack:  # a loop, not recursion: a graph may be deeper than Python's call stack
            pending = [source for source in stack[-1].inputs if source not in order]
            if pending:
                stack += reversed(pending)
            else:
                order[stack.pop()] = None
        return list(order)

    def __add__(self, other: "Operand") -> "Value":
        """A + b.  ∂y/∂a = 1,  ∂y/∂b = 1."""
        b = _as_value(other)
        return _record("+", self.data + b.data, (self, lambda g: g), (b, lambda g: g))

    def __sub__(self, other: "Operand") -> "Value":
        """A − b.  ∂y/∂a = 1,  ∂y/∂b = −1."""
        b = _as_value(other)
        return _record("-", self.data - b.data, (self, lambda g: g), (b, lambda g: -g))

    def __mul__(self, other: "Operand") -> "Value":
        """A b.  ∂y/∂a = b,  ∂y/∂b = a."""
        a, b = self, _as_value(other)
        return _record("*", a.data * b.data, (a, lambda g: g * b.data), (b, lambda g: g * a.data))

    def __truediv__(self, other: "Operand") -> "Value":
        """A / b.  ∂y/∂a = 1 / b,  ∂y/∂b = −y / b."""
        a, b = self, _as_value(other)
        y = a.data / b.data
        return _record("/", y, (a, lambda g: g / b.data), (b, lambda g: -g * y / b.data))

    def __matmul__(self, other: "Operand") -> "Value":
        """A b, of matrices, stacks of them and vectors.  ∂J/∂a = g bᵀ,  ∂J/∂b = aᵀ g."""
        a, b = self, _as_value(other)
        y = a.data @ b.data
        row = a.data if a.data.ndim > 1 else a.data[None, :]  # a vector on the left is a row,
        column = b.data if b.data.ndim > 1 else b.data[:, None]  # on the right a column
        shape = (row @ column).shape

        def to_b(g: Array) -> Array:
            pulled = row.swapaxes(-1, -2) @ g.reshape(shape)
            return pulled if b.data.ndim > 1 else pulled[..., 0]

        return _record("@", y, (a, lambda g: g.reshape(shape) @ column.swapaxes(-1, -2)), (b, to_b))

    def __pow__(self, exponent: float) -> "Value":
        """aⁿ, n a constant number.  ∂y/∂a = n aⁿ⁻¹.

        Raises:
            NetworkError: n is not a number.
        """
        n, a = exponent, self.data
        if not isinstance(n, int | float | np.integer | np.floating):
            raise NetworkError(f"a power must be a constant number, got {type(n).__name__}")
        return _record(f"** {n:g}", a**n, (self, lambda g: g * n * a ** (n - 1) if n else 0 * g))

    def __radd__(self, other: "Operand") -> "Value":
        return _as_value(other) + self

    def __rsub__(self, other: "Operand") -> "Value":
        return _as_value(other) - self

    def __rmul__(self, other: "Operand") -> "Value":
        return _as_value(other) * self

    def __rtruediv__(self, other: "Operand") -> "Value":
        return _as_value(other) / self

    def __rmatmul__(self, other: "Operand") -> "Value":
        return _as_value(other) @ self

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
        a, b = self, _as_value(other)
        share = (a.data > b.data) + (a.data == b.data) / 2
        y = np.maximum(a.data, b.data)
        return _record("maximum", y, (a, lambda g: g * share), (b, lambda g: g * (1 - share)))

    def sum(self, axis: Axes = None, keepdims: bool = False) -> "Value":
        """Σ a, over all or some axes.  ∂y/∂a = 1: every term receives the whole g.

        Args:
            axis: The axes; None for all.
            keepdims: True to keep the axes with length 1.
        """
        y = self.data.sum(axis, keepdims=keepdims)
        return _record("sum", y, (self, self._spread(axis, keepdims)))

    def mean(self, axis: Axes = None, keepdims: bool = False) -> "Value":
        """Σ a / n, over all or some axes.  ∂y/∂a = 1 / n for n terms per mean.

        Args:
            axis: The axes; None for all.
            keepdims: True to keep the axes with length 1.
        """
        y, spread = self.data.mean(axis, keepdims=keepdims), self._spread(axis, keepdims)
        return _record("mean", y, (self, lambda g: spread(g) * g.size / self.data.size))

    def max(self, axis: Axes = None, keepdims: bool = False) -> "Value":
        """The maximum over all or some axes.  ∂y/∂a = 1 / k where a is one of k maxima, else 0.

        Args:
            axis: The axes; None for all.
            keepdims: True to keep the axes with length 1.
        """
        y, spread = self.data.max(axis, keepdims=keepdims), self._spread(axis, keepdims)
        largest = self.data == self.data.max(axis, keepdims=True)
        share = largest / largest.sum(axis, keepdims=True)
        return _record("max", y, (self, lambda g: spread(g) * share))

    def _spread(self, axis: Axes, keepdims: bool) -> Pullback:
        """Return a function that repeats a gradient along the axes that a reduction removed."""
        shape = self.data.shape
        if keepdims or axis is None:
            return lambda g: np.broadcast_to(g, shape)
        return lambda g: np.broadcast_to(np.expand_dims(g, axis), shape)

    def reshape(self, *shape: int) -> "Value":
        """All numbers in another shape.  ∂J/∂a = g in the shape of a."""
        y = self.data.reshape(*shape)
        return _record("reshape", y, (self, lambda g: g.reshape(self.data.shape)))

    def transpose(self, *axes: int) -> "Value":
        """Axes in another order, by default reversed.  ∂J/∂a = g with the axes in the old order."""
        y = self.data.transpose(*axes)
        order = [axis % y.ndim for axis in axes or reversed(range(y.ndim))]
        return _record("transpose", y, (self, lambda g: g.transpose(np.argsort(order))))

    @property
    def T(self) -> "Value":
        """`transpose()` with reversed axes."""
        return self.transpose()

    def __getitem__(self, index: Any) -> "Value":
        """a[index], any index of NumPy's.  ∂J/∂a = g summed at the selected places, 0 elsewhere."""

        def scatter(g: Array) -> Array:
            whole = np.zeros_like(self.data)
            np.add.at(whole, index, g)
            return whole

        return _record("[ ]", self.data[index], (self, scatter))

    def __iter__(self) -> "Iterator[Value]":
        return (self[index] for index in range(len(self.data)))


Operand = Value | npt.ArrayLike


def _as_value(operand: Operand) -> Value:
    """Return the operand if it is a Value, else a constant.

    Raises:
        NetworkError: The operand is not numbers.
    """
    return operand if isinstance(operand, Value) else Value(operand)


def concatenate(values: Sequence[Operand], axis: int = 0) -> Value:
    """Values joined along an existing axis.  ∂J/∂a = the part of g that belongs to a.

    Args:
        values: Operands whose shapes differ only along the axis.
        axis: The axis.
    """
    parts = [_as_value(value) for value in values]
    y = np.concatenate([part.data for part in parts], axis)
    places = np.split(np.arange(y.shape[axis]), np.cumsum([p.data.shape[axis] for p in parts]))
    pullbacks = [partial(np.take, indices=place, axis=axis) for place in places]
    return _record("concatenate", y, *zip(parts, pullbacks, strict=False))


def stack(values: Sequence[Operand], axis: int = 0) -> Value:
    """Values of one shape along a new axis.  ∂J/∂a = the part of g that belongs to a.

    Args:
        values: Operands of one shape.
        axis: The new axis.
    """
    parts = [_as_value(value) for value in values]
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
    """Return the gradient of an operand of this shape: the sum over the axes of its broadcast."""
    new = tuple(range(gradient.ndim - len(shape)))
    repeated = tuple(len(new) + axis for axis, length in enumerate(shape) if length == 1)
    summed: Array = np.sum(gradient, axis=new + repeated, keepdims=True)
    return summed.reshape(shape)


def _numbers(name: str, data: npt.ArrayLike) -> Array:
    """Return a float64 copy.

    Raises:
        NetworkError: The data are not real numbers of one shape.
    """
    try:
        array = np.asarray(data)
    except ValueError:
        raise NetworkError(f"{name} must be numbers of one shape, got rows of several") from None
    if array.dtype.kind not in "biuf":
        raise NetworkError(f"{name} must be real numbers, got {array.dtype}")
    return array.astype(np.float64)
