"""The computation graph: nodes that know their inputs, sorted once.

A node is one operation. It says twice what it computes: `forward` and `backward` give the NumPy
calls of a compiled plan, which write into buffers made beforehand; `evaluate` is the same value
as a pure function, for prediction.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from model.arrays import Array
from model.network.parameters import Block

Call = Callable[[], object]


@dataclass(frozen=True)
class Workspace:
    """What a node works on in a plan. B is the batch size; … is () or (members,).

    inputs: values of the node's inputs, (…, units + 1, B), the last row ones.
    output: the node's own value, (…, units, B).
    output_gradient: ∂J/∂output, (…, units, B); backward may overwrite it.
    input_gradients: where to write ∂J/∂input, (…, units, B), or None where nobody asks.
    block, block_gradient: the node's [W | b] and its gradient, (…, outputs, inputs + 1).
    empty: makes a scratch array of a shape.
    """

    inputs: tuple[Array, ...]
    output: Array
    output_gradient: Array
    input_gradients: tuple[Array | None, ...]
    block: Array | None
    block_gradient: Array | None
    empty: Callable[[tuple[int, ...]], Array]


class Node:
    """One operation on the values of its inputs; `units` counts the features it puts out."""

    # True: the derivative needs the output only, so the plan lets it overwrite its input.
    in_place: ClassVar[bool] = False

    def __init__(self, *inputs: "Node", units: int, block: Block | None = None) -> None:
        self.inputs = inputs
        self.units = units
        self.block = block

    def forward(self, at: Workspace) -> Iterator[Call]:
        """The calls that write `at.output` from `at.inputs`."""
        raise NotImplementedError

    def backward(self, at: Workspace) -> Iterator[Call]:
        """The calls that write the gradients from `at.output_gradient` (the chain rule)."""
        raise NotImplementedError

    def evaluate(self, block: Array | None, *inputs: Array) -> Array:
        """The value (…, units, B) from the inputs' (…, units, B), without shared buffers."""
        raise NotImplementedError


class Input(Node):
    """The graph's entry: it holds the rows and computes nothing."""

    def forward(self, at: Workspace) -> Iterator[Call]:  # noqa: ARG002
        """Nothing to compute."""
        yield from ()

    backward = forward


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
            stack += waiting
    return order
