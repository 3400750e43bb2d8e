"""A recorded graph to look at: a table in text, and a picture in Graphviz's DOT language.

Both give every value its data, its gradient from the last `backward` (zeros before), and the
local derivatives: for y = f(a, …) the derivative of y with respect to a, that is the gradient
that a would get from this operation alone if ∂J/∂y were 1. If y is an array: ones, so it is
∂(sum of y)/∂a.
"""

from typing import Final

import numpy as np

from model.arrays import Array
from model.network.autograd.tape import Value

HEADINGS: Final[tuple[str, ...]] = (
    "node",
    "operation",
    "value",
    "input",
    "local derivative",
    "gradient",
)
SHOWN: Final = 3  # numbers of an array


def table(value: Value) -> str:
    """The graph that ends in `value`, one node after the other in forward order.

    A node takes one line, or as many as it has inputs. A node without a label is called v and
    the number it has in that order. Of an array its shape and first numbers are shown.
    """
    order = value.order()
    names = {node: _one_line(node.label) or f"v{count}" for count, node in enumerate(order, 1)}
    lines = [HEADINGS, tuple("-" * len(heading) for heading in HEADINGS)]
    for node in order:
        derivatives = zip(node.inputs, _local_derivatives(node), strict=True)
        inputs = [(names[source], _text(local)) for source, local in derivatives] or [("", "")]
        start, end = (names[node], node.operation, _text(node.data)), _text(node.gradient)
        lines.append((*start, *inputs[0], end))
        lines += [("", "", "", *another, "") for another in inputs[1:]]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def to_dot(value: Value) -> str:
    """The graph that ends in `value` for Graphviz, left to right: `dot -Tsvg` draws it.

    A box is a value with its label, data and gradient; an oval is the operation that computed it;
    an edge into an oval carries the local derivative.
    """
    numbers = {node: count for count, node in enumerate(value.order(), 1)}
    lines = [
        "digraph {",
        "  rankdir=LR",
        '  node [fontname="sans-serif"]',
        '  edge [fontname="sans-serif"]',
    ]
    for node, number in numbers.items():
        shown = (node.label, f"value {_text(node.data)}", f"gradient {_text(node.gradient)}")
        label = "\n".join(line for line in shown if line)
        lines.append(f"  v{number} [shape=box, label={_quoted(label)}]")
        if node.inputs:
            lines.append(f"  o{number} [shape=oval, label={_quoted(node.operation)}]")
            lines.append(f"  o{number} -> v{number}")
        for source, local in zip(node.inputs, _local_derivatives(node), strict=True):
            label = _quoted(_text(local))
            lines.append(f"  v{numbers[source]} -> o{number} [label={label}]")
    return "\n".join([*lines, "}"])


def _local_derivatives(node: Value) -> list[Array]:
    return node.pull(np.ones_like(node.data))


def _text(array: Array) -> str:
    """A number as it is, an array by its shape and a few numbers: (2, 3) 0.5 -1 2 …"""
    numbers = [f"{number + 0.0:.4g}" for number in array.ravel()[:SHOWN]]  # + 0.0: -0 becomes 0
    if not array.ndim:
        return numbers[0]
    more = ["…"] if array.size > SHOWN else []
    return " ".join([str(array.shape), *numbers, *more])


def _one_line(label: str) -> str:
    return " ".join(label.split())


def _quoted(text: str) -> str:
    """A DOT string: quotes and backslashes escaped, & too since Graphviz reads HTML's entities."""
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n") + '"'
