"""The computation graph: nodes that know their inputs, sorted once.

A node is one operation, said twice: `bind` gives the NumPy calls of a compiled plan, forward and
backward side by side, which write into buffers made beforehand; `evaluator` gives the same value as
a pure function, for prediction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.arrays import Array, aligned
from model.network.initializers import Generator
from model.network.parameters import Block

Call = Callable[[], object]
Calls = tuple[list[Call], list[Call]]  # forward, backward


@dataclass(frozen=True)
class Workspace:
    """What a node works on in a plan. B is the batch size; … is () or (members,).

    inputs: values of the node's inputs, each (…, units + 1, B), the last row ones.
    y: the node's own value, (…, units, B).
    dy: ∂J/∂y, (…, units, B); complete when backward runs, which may overwrite it.
    d_inputs: where to write ∂J/∂input, each (…, units, B), or None where nobody asks.
    block, d_block: the node's [W | b] and its gradient, (…, outputs, inputs + 1).
    generator: source of noise while training; None in a plan that only evaluates.
    """

    inputs: tuple[Array, ...]
    y: Array
    dy: Array
    d_inputs: tuple[Array | None, ...]
    block: Array | None
    d_block: Array | None
    generator: Generator | None

    @property
    def x(self) -> Array:
        """The only input, without its row of ones: (…, units, B)."""
        return self.inputs[0][..., :-1, :]

    @property
    def dx(self) -> Array:
        """Where to write ∂J/∂x; scratch where nobody asks."""
        dx = self.d_inputs[0]
        if dx is None:
            return np.empty((*self.y.shape[:-2], *self.x.shape[-2:]), self.y.dtype)
        return dx

    @property
    def weights(self) -> tuple[Array, Array]:
        """The block and its gradient, of a node that has one."""
        assert self.block is not None
        assert self.d_block is not None
        return self.block, self.d_block

    def scalar(self, value: float) -> Array:
        """A number as a 0-d array of the plan's type: no conversion at every call."""
        return np.array(value, self.y.dtype)

    def like(self, array: Array) -> Array:
        """Scratch of an array's shape."""
        return aligned(array.shape, array.dtype)


class Node:
    """One operation on the values of its inputs.

    units: the number of features it puts out. channels: how many of them lie at one position of a
    signal, 1 where the features are no signal.
    """

    # True: `bind` may be given the input's buffer as its own, and overwrite it.
    in_place: bool = False
    # True: backward reads y, so no later node may overwrite it.
    keeps_output: bool = False
    # True: what `evaluator` gives takes the rows themselves with their row of ones.
    takes_ones: bool = False

    def __init__(
        self, *inputs: "Node", units: int, channels: int = 1, block: Block | None = None
    ) -> None:
        self.inputs = inputs
        self.units = units
        self.channels = channels
        self.block = block

    def bind(self, at: Workspace) -> Calls:
        """The calls that write y from the inputs; those that write the gradients from dy."""
        raise NotImplementedError

    def evaluator(self, block: Array | None) -> Callable[..., Array] | None:
        """The value (…, units, B) as a function of the inputs' (…, units, B), without shared
        buffers; None where it is the input itself. It may overwrite no input but its own.
        """
        raise NotImplementedError


class Input(Node):
    """The graph's entry: it holds the rows and computes nothing."""

    keeps_output = True

    def bind(self, at: Workspace) -> Calls:  # noqa: ARG002
        """Nothing to compute."""
        return [], []


def topological_order(last: Node) -> Sequence[Node]:
    """All nodes `last` depends on, each after its inputs, `last` at the end."""
    order: list[Node] = []
    done: set[Node] = set()
    stack = [last]
    while stack:  # a loop, not recursion: a network may be deeper than Python's call stack
        node = stack[-1]
        waiting = [source for source in node.inputs if source not in done]
        if node in done or not waiting:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
        else:
            stack += reversed(waiting)  # so that the first input comes first
    return order
