"""A network: layers built into a graph, that can be compiled, and asked for predictions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.errors import NetworkError
from model.network.config import build
from model.network.execution.forward import Forward
from model.network.execution.plan import Plan
from model.network.graph import Input, Node, topological_order
from model.network.initializers import Generator
from model.network.layers import Layer, layer_from
from model.network.losses import LOSSES, Loss
from model.network.ops.dense import Activated
from model.network.parameters import Layout
from model.network.row_weights import check_length, row_shares
from model.network.summary import summary
from model.network.validation import require_count

MAX_PARAMETERS = 10**9
MAX_UNITS = 5 * 10**7  # of all nodes together: a row's values, at eight bytes each
MAX_LAYERS = 1000  # that a description may have, those within layers too


class Network:
    """Layers in a row with their loss. It holds no weights: θ is an argument wherever needed.

    layers, loss: as objects or as the plain data that describes them. inputs: number of features.
    channels: how many of the features lie at one position, of signals. dtype: float64 or float32.
    Raises NetworkError for what does not fit together.
    """

    def __init__(
        self,
        layers: Iterable[Layer | Mapping[str, Any] | str],
        inputs: int,
        loss: str | Mapping[str, Any] | Loss = "binary_cross_entropy",
        dtype: str = "float64",
        channels: int = 1,
    ) -> None:
        self.layers = tuple(layer_from(layer) for layer in layers)
        self.inputs, self.channels, self.dtype = inputs, channels, dtype
        self.loss: Loss = build("loss", LOSSES, loss)
        if dtype not in ("float64", "float32"):
            raise NetworkError(f"dtype must be float64 or float32, got {dtype!r:.80}")
        require_count("inputs", inputs)
        require_count("channels", channels)
        if inputs % channels:
            raise NetworkError(
                f"inputs must be a multiple of channels, got {inputs} and {channels}"
            )
        if not self.layers:
            raise NetworkError("a network needs at least one layer")
        self.ends: list[Node] = [Input(units=inputs, channels=channels)]
        for layer in self.layers:
            self.ends.append(layer.build(self.ends[-1]))
        self._last = self.ends[-1]
        self.outputs = self._last.units
        _check_output(self._last, self.loss)
        self._order = topological_order(self._last)
        self.layout = Layout(tuple(node.block for node in self._order if node.block is not None))
        if self.layout.size > MAX_PARAMETERS:
            raise NetworkError(
                f"a network may have {MAX_PARAMETERS} parameters, this one has {self.layout.size}"
            )
        self.units = sum(node.units for node in self._order)
        if self.units > MAX_UNITS:
            raise NetworkError(f"a network may have {MAX_UNITS} units, this one has {self.units}")

    def initial_parameters(self, generator: Generator | Sequence[Generator]) -> Array:
        """θ (P,) drawn by the layers' initializers, first layer first, biases zero.

        Of K generators, K members' θ (K, P).
        """
        if isinstance(generator, Sequence):
            return np.stack([self.layout.initial(each, self.dtype) for each in generator])
        return self.layout.initial(generator, self.dtype)

    def compile(
        self,
        theta: Array,
        batch_size: int,
        *,
        weighted: bool = False,
        own_rows: bool = False,
        gathers: bool = False,
        generator: Generator | None = None,
        gradient: Array | None = None,
    ) -> Plan:
        """The training step for batches of this size, on this θ.

        weighted: each row may have its own weight. own_rows: each member its own rows.
        gathers: batches come by `Plan.gather`, out of a larger table. generator: the source of
        noise for layers that draw; without it they do nothing. gradient: where another plan of
        this θ leaves its own; by default a new array.
        """
        self._check_theta(theta)
        require_count("batch_size", batch_size)
        return Plan(
            self._last,
            self.loss,
            self.layout,
            theta,
            batch_size,
            weighted=weighted,
            own_rows=own_rows,
            gathers=gathers,
            generator=generator,
            gradient=gradient,
        )

    def per_parameter(self, numbers: Sequence[float]) -> Array:
        """One number for each layer, in order, as one for each parameter: (P,).

        Raises NetworkError unless there are as many as layers.
        """
        if len(numbers) != len(self.layers):
            count = f"one for each of the {len(self.layers)} layers"
            raise NetworkError(f"layers' numbers must be {count}, got {len(numbers)}")
        values, filled = np.empty(self.layout.size), 0
        for number, end in zip(numbers, self.ends[1:], strict=True):
            # A layer's nodes, and no later ones, are what its last one depends on.
            blocks = (node.block for node in topological_order(end))
            size = sum(block.size for block in blocks if block is not None)
            values[filled:size] = number
            filled = size
        return values

    def prepare(self, rows: npt.ArrayLike) -> Array:
        """Rows (N, features), checked, as (N, features + 1) with ones last: for `Plan.gather`."""
        checked = as_matrix("rows", rows, self.inputs, self.dtype)
        prepared = np.ones((len(checked), self.inputs + 1), self.dtype)
        prepared[:, :-1] = checked
        return prepared

    def bind(self, theta: Array) -> Forward:
        """The network's function with a copy of this θ in it, to ask it again and again."""
        self._check_theta(theta)
        return Forward(self._order, self.ends[1:], self.loss, self.layout, theta)

    def activations(self, theta: Array, rows: npt.ArrayLike) -> list[Array]:
        """What each layer puts out, (…, B, units), for rows (B, features)."""
        return self.bind(theta).activations(rows)

    def logits(self, theta: Array, rows: npt.ArrayLike) -> Array:
        """What the last layer puts out, (…, B, outputs), for rows (B, features).

        Pure: safe from many threads at once.
        """
        return self.bind(theta).logits(rows)

    def predict(self, theta: Array, rows: npt.ArrayLike) -> Array:
        """Predictions (…, B, outputs) for rows (B, features): probabilities, or numbers.

        Many rows are taken in pieces, whose activations stay in the processor's cache.
        """
        return self.bind(theta).predict(rows)

    def loss_of(
        self,
        theta: Array,
        rows: npt.ArrayLike,
        targets: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> Array:
        """The mean loss, () or (K,), of rows (B, features) against targets, weighted by rows."""
        y = self.loss.encode(targets, self.outputs, self.dtype).T
        z = self.logits(theta, rows).swapaxes(-1, -2)
        check_length(y.shape[-1], z.shape[-1])
        shares = row_shares(weights, z.shape[-1], self.dtype)
        return np.asarray((self.loss.value(z, y)[..., 0, :] * shares).sum(axis=-1))

    def summary(self) -> str:
        """The layers, what they put out and their numbers of parameters, as a table."""
        total = f"{self.layout.size:,} parameters, {self.dtype}; loss {self.loss.name}"
        return summary(self.layers, self.ends, total)

    def describe(self) -> dict[str, Any]:
        """The network as plain data, `network_from` reads it back."""
        return {
            "inputs": self.inputs,
            "channels": self.channels,
            "layers": [layer.describe() for layer in self.layers],
            "loss": self.loss.describe(),
            "dtype": self.dtype,
        }

    def _check_theta(self, theta: Array) -> None:
        if theta.ndim not in (1, 2) or theta.shape[-1] != self.layout.size:
            expected = f"({self.layout.size},) or (members, {self.layout.size})"
            raise NetworkError(f"theta must have shape {expected}, got {theta.shape}")
        if theta.dtype != self.dtype:
            raise NetworkError(f"theta must be {self.dtype}, got {theta.dtype}")


def network_from(description: Mapping[str, Any]) -> Network:
    """The network that `Network.describe` described. Raises NetworkError."""
    if set(description) != {"inputs", "channels", "layers", "loss", "dtype"}:
        raise NetworkError("a network is described by inputs, channels, layers, loss and dtype")
    if not isinstance(description["layers"], list):
        raise NetworkError("layers must be a list")
    if _count(description["layers"]) > MAX_LAYERS:
        raise NetworkError(f"a network may be described by {MAX_LAYERS} layers")
    return Network(**description)


def _count(layers: object) -> int:
    """How many layers plain data describes, those within a layer too."""
    if not isinstance(layers, list):
        return 0
    within = (each.get("layers") for each in layers if isinstance(each, Mapping))
    return len(layers) + sum(map(_count, within))


def _check_output(last: Node, loss: Loss) -> None:
    """Refuse a last layer whose activation or size does not go with the loss."""
    name = last.activation.name if isinstance(last, Activated) else "linear"
    if loss.link != "linear" and name != "linear":
        raise NetworkError(
            f"loss {loss.name} takes logits and applies {loss.link} itself: "
            f"give the last layer no activation, not {name}"
        )
    if loss.link == "linear" and name in ("sigmoid", "softmax"):
        better = "binary_cross_entropy" if name == "sigmoid" else "categorical_cross_entropy"
        raise NetworkError(
            f"loss {loss.name} is for numbers: for {name} probabilities use {better} "
            "and give the last layer no activation"
        )
    if loss.link == "softmax" and last.units < 2:
        raise NetworkError(
            f"loss {loss.name} needs an output a class, at least 2: "
            "for one output use binary_cross_entropy"
        )
