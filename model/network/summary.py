"""A network's layers, shapes and numbers of parameters, as a table of text."""

from collections.abc import Sequence

from model.network.graph import Node, topological_order
from model.network.layers import Layer


def summary(layers: Sequence[Layer], ends: Sequence[Node], total: str) -> str:
    """One line a layer: what it is, what it puts out, and how many parameters it has.

    ends: the input and each layer's last node. total: the line below.
    """
    rows = [("layer", "output", "parameters"), ("input", _shape(ends[0]), "0")]
    seen = set(topological_order(ends[0]))
    for layer, end in zip(layers, ends[1:], strict=True):
        nodes = [node for node in topological_order(end) if node not in seen]
        seen.update(nodes)
        size = sum(node.block.size for node in nodes if node.block is not None)
        rows.append((_title(layer), _shape(end), f"{size:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    rule = "─" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:], rule, total])


def _title(layer: Layer) -> str:
    """The layer's name and numbers: dense(15, relu)."""
    told = layer.describe()
    if isinstance(told, str):
        return told
    shown = ", ".join(_value(value) for key, value in told.items() if key != "name")
    return f"{told['name']}({shown})"


def _value(value: object) -> str:
    if isinstance(value, dict):
        numbers = ", ".join(_value(each) for key, each in value.items() if key != "name")
        return f"{value['name']}({numbers})"
    return " → ".join(_value(each) for each in value) if isinstance(value, list) else str(value)


def _shape(node: Node) -> str:
    """Units, or positions × channels of a signal."""
    if node.channels == 1:
        return str(node.units)
    return f"{node.units // node.channels} × {node.channels}"
