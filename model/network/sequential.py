"""Layers in a row, built into a network that can be compiled, and asked for predictions."""

from collections.abc import Iterable
from typing import Any

import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.errors import NetworkError
from model.network.graph import Input, Node, topological_order
from model.network.initializers import Generator
from model.network.layers import Dense, layer_from
from model.network.losses import BinaryCrossEntropy
from model.network.parameters import Layout
from model.network.plan import Plan


class Sequential:
    """A network of layers in a row. It holds no weights: θ is an argument wherever it is needed.

    inputs: number of features. dtype: float64 or float32.
    Raises NetworkError when the last layer does not put out the logit that the loss takes.
    """

    def __init__(self, layers: Iterable[Dense], inputs: int, dtype: str = "float64") -> None:
        self.layers = tuple(layers)
        self.inputs = inputs
        self.dtype = dtype
        self.loss = BinaryCrossEntropy()
        if dtype not in ("float64", "float32"):
            raise NetworkError(f"dtype must be float64 or float32, got {dtype!r}")
        if isinstance(inputs, bool) or not isinstance(inputs, int) or inputs < 1:
            raise NetworkError(f"inputs must be a positive integer, got {inputs!r}")
        if not self.layers:
            raise NetworkError("a network needs at least one layer")
        output = self.layers[-1]
        if output.units != self.loss.outputs or output.activation is not None:
            raise NetworkError(
                f"{self.loss.name} takes logits: the last layer must be "
                f"{self.loss.outputs} unit without activation"
            )
        self._last: Node = Input(units=inputs)
        for layer in self.layers:
            self._last = layer.build(self._last)
        self._order = topological_order(self._last)
        self.layout = Layout(tuple(node.block for node in self._order if node.block is not None))

    def initial_parameters(self, generator: Generator) -> Array:
        """θ (P,) drawn by the layers' initializers, first layer first, biases zero."""
        return self.layout.initial(generator, self.dtype)

    def compile(self, theta: Array, batch_size: int) -> Plan:
        """The training step for batches of this size, on this θ."""
        return Plan(self._last, self.loss, self.layout, theta, batch_size)

    def logits(self, theta: Array, rows: npt.ArrayLike) -> Array:
        """Logits (B, outputs) of rows (B, features); pure, safe from any thread."""
        value: Array = as_matrix("rows", rows, self.inputs, self.dtype).T
        blocks = iter(self.layout.views(theta))
        values: dict[Node, Array] = {self._order[0]: value}
        for node in self._order[1:]:
            block = next(blocks) if node.block is not None else None
            value = node.evaluate(block, *(values[source] for source in node.inputs))
            values[node] = value
        return value.swapaxes(-1, -2)

    def predict(self, theta: Array, rows: npt.ArrayLike) -> Array:
        """Probabilities (B, outputs) of rows (B, features); pure, safe from any thread."""
        return self.loss.predict(self.logits(theta, rows))

    def loss_of(self, theta: Array, rows: npt.ArrayLike, targets: npt.ArrayLike) -> float:
        """The mean loss of rows (B, features) against targets (B, outputs)."""
        y = as_matrix("targets", targets, self.loss.outputs, self.dtype)
        return float(self.loss.value(self.logits(theta, rows).T, y.T))

    def describe(self) -> dict[str, Any]:
        """The network as plain data, `network_from` reads it back."""
        return {
            "inputs": self.inputs,
            "layers": [layer.describe() for layer in self.layers],
            "loss": self.loss.name,
            "dtype": self.dtype,
        }


def network_from(description: dict[str, Any]) -> Sequential:
    """The network that `Sequential.describe` described. Raises NetworkError."""
    if set(description) != {"inputs", "layers", "loss", "dtype"}:
        raise NetworkError("a network is described by its inputs, layers, loss and dtype")
    if description["loss"] != BinaryCrossEntropy.name:
        raise NetworkError(f"unknown loss {description['loss']!r}")
    layers = description["layers"]
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise NetworkError("layers must be a list of mappings")
    built = [layer_from(layer) for layer in layers]
    return Sequential(built, description["inputs"], description["dtype"])
