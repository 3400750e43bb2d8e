"""The tape against central differences and its documentation page, and its errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis.extra.numpy import BroadcastableShapes, mutually_broadcastable_shapes
from support.paths import DOCS

from model.arrays import Array
from model.errors import NetworkError
from model.network.autograd.tape import Value, concatenate, stack

PAGE = DOCS / "explanation" / "computation-graph.md"
Function = Callable[..., Value]


def check(function: Function, *arrays: Array, tolerance: float = 1e-7) -> None:
    """The gradient of Σ R · function, R constants, equals the central difference for each array."""
    values = [Value(array) for array in arrays]
    result = function(*values)
    seed = np.random.default_rng(9).uniform(0.5, 1.5, result.data.shape)
    result.backward(seed)
    for position, array in enumerate(arrays):
        numerical = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            for sign in (1, -1):
                shifted = [other.copy() for other in arrays]
                shifted[position][index] += sign * 1e-6
                total = np.sum(seed * function(*map(Value, shifted)).data)
                numerical[index] += sign * total / 2e-6
        assert values[position].gradient.shape == array.shape
        error = np.linalg.norm(values[position].gradient - numerical)
        assert error <= tolerance * max(1e-2, float(np.linalg.norm(numerical)))


def numbers(*shape: int, low: float = -2, high: float = 2, seed: int = 1) -> Array:
    """Uniform numbers that are not close to 0, where functions have kinks."""
    draws = np.random.default_rng(seed).uniform(low, high, shape)
    return np.asarray(np.where(np.abs(draws) < 0.05, 0.3, draws))


UNARY: dict[str, tuple[Function, float]] = {  # the function, and its smallest test argument
    "neg": (lambda a: -a, -2),
    "** 2": (lambda a: a**2, -2),
    "** -3": (lambda a: a**-3, 0.5),
    "** 0.5": (lambda a: a**0.5, 0.1),
    "** 1": (lambda a: a**1, -2),
    "exp": (lambda a: a.exp(), -2),
    "expm1": (lambda a: a.expm1(), -2),
    "log": (lambda a: a.log(), 0.1),
    "log1p": (lambda a: a.log1p(), -0.8),
    "sqrt": (lambda a: a.sqrt(), 0.1),
    "tanh": (lambda a: a.tanh(), -2),
    "relu": (lambda a: a.relu(), -2),
    "abs": (abs, -2),
    "sum": (lambda a: a.sum(), -2),
    "mean": (lambda a: a.mean(), -2),
    "max": (lambda a: a.max(), -2),
    "transpose": (lambda a: a.T, -2),
}
BINARY: dict[str, Function] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "maximum": lambda a, b: a.maximum(b),
}


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("name", UNARY)
def test_unary_operations(name: str, shape: tuple[int, ...]) -> None:
    function, low = UNARY[name]
    array = numbers(*shape, low=low)
    assert function(Value(array)).operation == name
    check(function, array)


@pytest.mark.parametrize("name", BINARY)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0))
def test_binary_operations_with_broadcasting(name: str, shapes: BroadcastableShapes) -> None:
    first, second = (numbers(*shape, seed=seed) for seed, shape in enumerate(shapes.input_shapes))
    second = np.where(np.abs(second) < 0.4, 0.7, second)
    assert BINARY[name](Value(first), Value(second)).operation == name
    check(BINARY[name], first, second)


@given(
    shapes=mutually_broadcastable_shapes(
        signature="(n?,k),(k,m?)->(n?,m?)", max_dims=2, max_side=3, min_side=1
    )
)
def test_matrix_products(shapes: BroadcastableShapes) -> None:
    first, second = (numbers(*shape, seed=seed) for seed, shape in enumerate(shapes.input_shapes))
    check(lambda a, b: a @ b, first, second)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (-1, 0), ()])
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_reductions(name: str, axis: Any, keepdims: bool) -> None:
    array = numbers(2, 3, 4)
    expected = getattr(array, name)(axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(getattr(Value(array), name)(axis, keepdims).data, expected)
    check(lambda a: getattr(a, name)(axis=axis, keepdims=keepdims), array)


SHAPING: list[Function] = [
    lambda a: a.reshape(4, 6),
    lambda a: a.reshape(-1),
    lambda a: a.transpose(2, 0, 1),
    lambda a: a.transpose(-2, 0, -1),
    lambda a: a[1],
    lambda a: a[..., 1:3],
    lambda a: a[:, None, ::-2],
    lambda a: a[a.data > 0],
    lambda a: a[:, :, np.array([[0, 1, 2], [1, 2, 3]])],  # windows that overlap
    lambda a: a[[0, 0, 1]] * a[1],
    lambda a: concatenate([a, 2 * a, np.ones((2, 3, 1))], axis=-1),
    lambda a: concatenate([a, a[:0]]),
    lambda a: stack([a, -a, a * a], axis=1),
    lambda a: stack(list(a), axis=2),
]


@pytest.mark.parametrize("function", SHAPING)
def test_shaping(function: Function) -> None:
    check(function, numbers(2, 3, 4))


def test_constants_on_either_side() -> None:
    array = numbers(2, 3)
    check(lambda a: 1 - 2 / (3 * (a * [1, 2, 3]) ** 2 + 1), array)
    check(lambda a: np.eye(2) @ a @ np.ones(3) + np.ones(2) * a[:, 0], array)
    check(lambda a: 1 + (np.float64(2) * a - np.ones((2, 1))) / np.arange(1, 4), array)


def test_values_used_several_times() -> None:
    array = numbers(3)
    check(lambda a: a * a, array)
    check(lambda a: a + a, array)
    check(lambda a: (a.exp() + a.tanh()) * a, array)  # a diamond

    def ladder(a: Value) -> Value:  # 2³⁰ paths from end to end, 60 operations
        for _ in range(30):
            a = (a + a) * 0.5
        return a

    value = Value(array)
    ladder(value).sum().backward()
    np.testing.assert_allclose(value.gradient, 1)


def test_network_with_stable_losses() -> None:
    targets = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0]])

    def softmax_cross_entropy(x: Value, w: Value, b: Value) -> Any:
        logits = (x @ w + b).tanh() @ w.T
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probability = shifted - shifted.exp().sum(axis=1, keepdims=True).log()
        return -(targets * log_probability).sum() / len(targets)

    check(softmax_cross_entropy, numbers(4, 3), numbers(3, 5, seed=2), numbers(5, seed=3))


@pytest.mark.parametrize(
    ("z", "slope"), [(0.0, 0.5), (-800.0, 0.0), (800.0, 1.0), (2.0, 0.8807970)]
)
def test_softplus_derivative(z: float, slope: float) -> None:
    value = Value(z)
    (value.maximum(0) + (-abs(value)).exp().log1p()).backward()
    assert value.gradient == pytest.approx(slope, abs=1e-7)


def gradient_at(function: Function, data: npt.ArrayLike) -> Any:
    value = Value(data)
    function(value).sum().backward()
    return value.gradient.tolist()


def test_derivatives_at_kinks_and_corners() -> None:
    assert gradient_at(lambda a: a.relu(), [-1, 0, 1]) == [0, 0, 1]
    assert gradient_at(lambda a: a.abs(), [-1, 0, 1]) == [-1, 0, 1]
    assert gradient_at(lambda a: a.maximum(0), [-1, 0, 1]) == [0, 0.5, 1]
    assert gradient_at(lambda a: a.max(), [3, 1, 3]) == [0.5, 0, 0.5]
    assert gradient_at(lambda a: a**0, [0, 2]) == [0, 0]
    assert gradient_at(lambda a: a**1, 0) == 1


def test_chain_deeper_than_pythons_stack() -> None:
    start = Value(1.0)
    value = start
    for _ in range(5000):
        value = value * 1.001
    value.backward()
    assert start.gradient == pytest.approx(1.001**5000, rel=1e-10)
    assert len(value.order()) == 10_001


def test_backward_again_starts_from_zero() -> None:
    w = Value([1.0, 2.0])
    loss = (w * w).sum()
    loss.backward()
    loss.backward()
    assert w.gradient.tolist() == [2, 4]
    (3 * w).backward(seed=[1, 10])
    assert w.gradient.tolist() == [3, 30]
    assert loss.gradient == 1  # of another graph: unchanged


def test_value_attributes() -> None:
    given_data = np.array([1, 2])
    value = Value(given_data, "w")
    given_data[0] = 5
    assert value.data.tolist() == [1, 2]
    assert value.data.dtype == np.float64
    assert (value.label, value.operation, value.inputs) == ("w", "", ())
    assert value.gradient.tolist() == [0, 0]
    total = value.sum()
    assert (total.label, total.operation, total.inputs) == ("", "sum", (value,))
    assert total.data.shape == total.gradient.shape == ()
    assert repr(value) == "Value([1.0, 2.0], label='w', gradient=[0.0, 0.0])"
    assert repr(total) == "Value(3.0, gradient=0.0)"


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda v: v.backward(), "backward of a value of shape (2,) needs a seed of that shape"),
        (lambda v: v.backward(1), "seed must have the value's shape (2,), got ()"),
        (lambda v: v.sum().backward([1]), "seed must have the value's shape (), got (1,)"),
        (lambda v: v.backward("12"), "seed must be real numbers, got <U2"),
        (lambda v: v**v, "a power must be a constant number, got Value"),
        (lambda v: v + "1", "data must be real numbers, got <U1"),
        (lambda _: Value(np.array([1, None])), "data must be real numbers, got object"),
        (lambda _: Value(1j), "data must be real numbers, got complex128"),
        (lambda v: Value(v), "data must be real numbers, got object"),
        (lambda _: Value([[1], [1, 2]]), "data must be numbers of one shape, got rows of several"),
    ],
)
def test_invalid_arguments(misuse: Callable[[Value], object], message: str) -> None:
    with pytest.raises(NetworkError) as caught:
        misuse(Value([1, 2]))
    assert str(caught.value) == message


def test_shape_errors_are_numpys() -> None:
    with pytest.raises(ValueError, match=r"broadcast together with shapes \(2,\) \(3,\)"):
        Value([1, 2]) * [1, 2, 3]
    with pytest.raises(TypeError, match="len"):
        iter(Value(1))


def test_worked_example() -> None:
    w, b, x, y = Value(2), Value(8), Value(-2), Value(2)
    loss = 0.5 * (w * x + b - y) ** 2
    loss.backward()
    assert [float(array) for array in (loss.data, w.gradient, b.gradient)] == [2, -4, 2]
