"""A network's layers, output shapes and numbers of parameters as a text table."""

from collections.abc import Sequence

from model.network.graph import Node, topological_order
from model.network.layers import Layer


def summary(layers: Sequence[Layer], ends: Sequence[Node], total: str) -> str:
    """Return a table with one line per layer: description, output shape and number of parameters.

    Args:
        layers: The layers.
        ends: The input node, and the last node of each layer.
        total: The line below the table.

    Returns:
        The table as text.
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
    """Return the layer's name and numbers: `dense(15, relu)`."""
    description = layer.describe()
    if isinstance(description, str):
        return description
    shown = ", ".join(_value(value) for key, value in description.items() if key != "name")
    return f"{description['name']}({shown})"


def _value(value: object) -> str:
    if isinstance(value, dict):
        numbers = ", ".join(_value(field) for key, field in value.items() if key != "name")
        return f"{value['name']}({numbers})"
    return " → ".join(_value(item) for item in value) if isinstance(value, list) else str(value)


def _shape(node: Node) -> str:
    """Return the number of units; for a signal, positions × channels."""
    if node.channels == 1:
        return str(node.units)
    return f"{node.units // node.channels} × {node.channels}"
