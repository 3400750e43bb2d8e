"""The computation graph: nodes that know their inputs, sorted once.

A node is one operation in two forms. `bind` returns the NumPy calls of a compiled plan, forward and
backward side by side, which write into preallocated buffers. `evaluator` returns the same operation
as a pure function, for prediction.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.network.buffers import Buffers
from model.network.initializers import Generators
from model.network.parameters import Block

Call = Callable[[], object]
Calls = tuple[list[Call], list[Call]]  # forward, backward


@dataclass(frozen=True)
class Workspace:
    """The buffers of one node in a plan. B is the batch size; … is () or (members,).

    Attributes:
        inputs: The values of the node's inputs, each `(…, units + 1, B)`, the last row ones.
        y: The node's value, `(…, units, B)`. Backward may overwrite it: all nodes that read it are
            done then.
        dy: ∂J/∂y, `(…, units, B)`. Complete when backward runs, which may overwrite it.
        d_inputs: Where to write ∂J/∂input, each `(…, units, B)`; None where it is not needed.
        block: The node's [W | b], `(…, outputs, inputs + 1)`; None for a node without parameters.
        d_block: The gradient of the block, of the same shape.
        generator: The source of noise during training, or one for each member; None in a plan
            without noise.
        buffers: The memory for scratch arrays, valid within one chunk of a step.
    """

    inputs: tuple[Array, ...]
    y: Array
    dy: Array
    d_inputs: tuple[Array | None, ...]
    block: Array | None
    d_block: Array | None
    generator: Generators | None
    buffers: Buffers

    @property
    def x(self) -> Array:
        """The only input without its row of ones, `(…, units, B)`."""
        return self.inputs[0][..., :-1, :]

    @property
    def dx(self) -> Array:
        """Where to write ∂J/∂x; a scratch array where it is not needed."""
        dx = self.d_inputs[0]
        if dx is None:
            return self.scratch((*self.y.shape[:-2], *self.x.shape[-2:]))
        return dx

    @property
    def weights(self) -> tuple[Array, Array]:
        """The block and its gradient, for a node with parameters."""
        assert self.block is not None
        assert self.d_block is not None
        return self.block, self.d_block

    def scalar(self, value: float) -> Array:
        """Return a number as a 0-d array of the plan's dtype: no conversion at every call."""
        return np.array(value, self.y.dtype)

    def scratch(self, shape: tuple[int, ...], dtype: npt.DTypeLike | None = None) -> Array:
        """Return an array for numbers between two calls of a step; zeros if no call writes it.

        Args:
            shape: The shape of the array.
            dtype: The type of the array; None for the plan's.
        """
        return self.buffers.allocate(shape, self.y.dtype if dtype is None else dtype)

    def scratch_like(self, array: Array) -> Array:
        """Return a scratch array of the shape and dtype of another one."""
        return self.scratch(array.shape, array.dtype)


class Node(ABC):
    """One operation on the values of its inputs.

    Args:
        inputs: The nodes whose values the operation takes.
        units: The number of output features.
        channels: The features per position of a signal; 1 where the features are not a signal.
        block: The node's parameters; None for a node without.

    Attributes:
        in_place: True if `bind` accepts the input's buffer as its own and overwrites it.
        keeps_output: True if backward reads y, so that no later node may overwrite it.
        takes_ones: True if the function of `evaluator` takes the network's rows with their row of
            ones.
    """

    in_place: bool = False
    keeps_output: bool = False
    takes_ones: bool = False

    def __init__(
        self, *inputs: "Node", units: int, channels: int = 1, block: Block | None = None
    ) -> None:
        self.inputs = inputs
        self.units = units
        self.channels = channels
        self.block = block

    @abstractmethod
    def bind(self, ws: Workspace) -> Calls:
        """Return the calls that write y, and the calls that write the inputs' gradients from dy."""

    @abstractmethod
    def evaluator(self, block: Array | None) -> Callable[..., Array] | None:
        """Return the operation as a pure function.

        Args:
            block: The node's parameters, which the function copies; None for a node without.

        Returns:
            A function of the inputs' values `(…, units, B)` that returns the value `(…, units, B)`
            without shared buffers; None where the value is the input itself. It may overwrite its
            input only where no other node reads that.
        """


class Input(Node):
    """The graph's entry: it holds the rows and computes nothing."""

    keeps_output = True

    def bind(self, ws: Workspace) -> Calls:  # noqa: ARG002
        return [], []

    def evaluator(self, block: Array | None) -> None:  # noqa: ARG002
        return None


def topological_order(last: Node) -> Sequence[Node]:
    """Return all nodes that `last` depends on, each after its inputs, and `last` at the end."""
    order: list[Node] = []
    done: set[Node] = set()
    stack = [last]
    while stack:  # a loop, not recursion: a network may be deeper than Python's call stack
        node = stack[-1]
        pending = [source for source in node.inputs if source not in done]
        if node in done or not pending:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
        else:
            stack += reversed(pending)  # the first input is visited first
    return order
