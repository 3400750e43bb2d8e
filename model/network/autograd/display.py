"""A recorded graph as a text table and in Graphviz's DOT language.

Both show each value's data, its gradient from the last `backward` (zeros before), and the local
derivatives. For y = f(a, …), the local derivative is that of y with respect to a: the gradient that
a receives from this operation alone if ∂J/∂y is 1. If y is an array, ∂J/∂y is an array of ones,
which gives ∂(sum of y)/∂a.
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
MAX_NUMBERS: Final = 3  # shown of an array


def table(value: Value) -> str:
    """Return a text table of the graph that ends in `value`, in forward order.

    A node has one line per input, and at least one. A node without a label is called v and its
    number in that order. An array is shown as its shape and its first numbers.
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
    """Return the graph that ends in `value` in DOT, from left to right; `dot -Tsvg` renders it.

    A box is a value with its label, data and gradient. An oval is the operation that computed the
    value. An edge into an oval carries the local derivative.
    """
    numbers = {node: count for count, node in enumerate(value.order(), 1)}
    lines = [
        "digraph {",
        "  rankdir=LR",
        '  node [fontname="sans-serif"]',
        '  edge [fontname="sans-serif"]',
    ]
    for node, number in numbers.items():
        parts = (node.label, f"value {_text(node.data)}", f"gradient {_text(node.gradient)}")
        label = "\n".join(line for line in parts if line)
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
    """Return a number as text; an array as its shape and first numbers, `(2, 3) 0.5 -1 2 …`."""
    numbers = [
        f"{number + 0.0:.4g}" for number in array.ravel()[:MAX_NUMBERS]
    ]  # + 0.0: -0 becomes 0
    if not array.ndim:
        return numbers[0]
    ellipsis = ["…"] if array.size > MAX_NUMBERS else []
    return " ".join([str(array.shape), *numbers, *ellipsis])


def _one_line(label: str) -> str:
    return " ".join(label.split())


def _quoted(text: str) -> str:
    """Return a DOT string. & is written as an entity, since Graphviz decodes HTML entities."""
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n") + '"'
