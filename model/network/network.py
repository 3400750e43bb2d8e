"""A network: layers built into a graph, which is compiled for training and bound for prediction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix, check_length
from model.errors import NetworkError
from model.network.config import build
from model.network.execution.forward import Forward
from model.network.execution.plan import Plan
from model.network.graph import Input, Node, topological_order
from model.network.initializers import Generators
from model.network.layers import Layer, layer_from
from model.network.losses import LOSSES, Loss
from model.network.monotone import Bounds
from model.network.ops.dense import Activated
from model.network.parameters import Layout
from model.network.summary import summary
from model.network.validation import require_count

MAX_PARAMETERS = 10**9
MAX_UNITS = 5 * 10**7  # of all nodes: 8 bytes per unit and row
MAX_LAYERS = 1000  # of a description, nested layers included


class Network:
    """A stack of layers with a loss. It holds no parameters: θ is an argument of its methods.

    Args:
        layers: Objects, or the plain data that describes them.
        inputs: The number of features.
        loss: An object, or the plain data that describes it.
        dtype: "float64" or "float32".
        channels: The features per position of a signal; 1 where the features are not a signal.
        monotone: The direction of each input that all outputs follow: 1 for up, −1 for down, 0 for
            free; empty for none.

    Attributes:
        ends: The input node, and the last node of each layer.
        outputs: The number of outputs.
        layout: The layout of θ.
        units: The total number of units of all nodes.
        bounds: The bounds of the parameters of a network with monotone inputs, else None.

    Raises:
        NetworkError: The arguments do not fit together, or the network is too large.
    """

    def __init__(
        self,
        layers: Iterable[Layer | Mapping[str, Any] | str],
        inputs: int,
        loss: str | Mapping[str, Any] | Loss = "binary_cross_entropy",
        dtype: str = "float64",
        channels: int = 1,
        monotone: Sequence[int] = (),
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
        self.monotone = tuple(monotone) if any(monotone) else ()
        self.bounds: Bounds | None = None
        if self.monotone:
            _check_monotone(self.monotone, inputs, self.loss)
            self.bounds = Bounds(self.layers, self.layout, self.monotone)
        self.units = sum(node.units for node in self._order)
        if self.units > MAX_UNITS:
            raise NetworkError(f"a network may have {MAX_UNITS} units, this one has {self.units}")

    def initial_parameters(self, generator: Generators) -> Array:
        """Draw θ `(P,)` by the layers' initializers, first layer first, biases 0.

        Args:
            generator: The source of randomness; K generators give K ensemble members.

        Returns:
            θ `(P,)`, or `(K, P)`.
        """
        if isinstance(generator, Sequence):
            theta = np.stack([self.layout.initial(member, self.dtype) for member in generator])
        else:
            theta = self.layout.initial(generator, self.dtype)
        return theta if self.bounds is None else self.bounds.reflect(theta)

    def compile(
        self,
        theta: Array,
        batch_size: int,
        *,
        weighted: bool = False,
        own_rows: bool = False,
        gathers: bool = False,
        generator: Generators | None = None,
        gradient: Array | None = None,
    ) -> Plan:
        """Compile the training step for batches of one size.

        Args:
            theta: θ `(P,)`, or `(K, P)` for K members. The plan reads its values at every step.
            batch_size: The rows per batch.
            weighted: True if each row has its own weight.
            own_rows: True if each member has its own rows.
            gathers: True if batches are loaded with `Plan.gather`, from a larger table.
            generator: The source of noise, or one for each member; without it, layers that draw
                noise pass their input on.
            gradient: The array for ∂J/∂θ, such as another plan's for this θ; None for a new one.

        Returns:
            The plan.

        Raises:
            NetworkError: θ has another shape or dtype, or the batch size is invalid.
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
        """Expand one number per layer to one number per parameter.

        Args:
            numbers: One per layer, in order.

        Returns:
            `(P,)`, float64.

        Raises:
            NetworkError: There are not as many numbers as layers.
        """
        if len(numbers) != len(self.layers):
            count = f"one for each of the {len(self.layers)} layers"
            raise NetworkError(f"layers' numbers must be {count}, got {len(numbers)}")
        values, filled = np.empty(self.layout.size), 0
        for number, end in zip(numbers, self.ends[1:], strict=True):
            # The last node of a layer depends on the layer's nodes and earlier ones only.
            blocks = (node.block for node in topological_order(end))
            size = sum(block.size for block in blocks if block is not None)
            values[filled:size] = number
            filled = size
        return values

    def prepare(self, rows: npt.ArrayLike, targets: npt.ArrayLike) -> Array:
        """Check and encode rows with their targets, as one table for `Plan.gather`.

        Args:
            rows: `(N, features)`.
            targets: N targets, as the loss takes them.

        Returns:
            The rows, a column of ones, and the encoded targets: `(N, features + 1 + outputs)`.
        """
        checked = as_matrix("rows", rows, self.inputs, self.dtype)
        encoded = self.loss.encode(targets, self.outputs, self.dtype)
        check_length(len(encoded), len(checked))
        table = np.ones((len(checked), self.inputs + 1 + self.outputs), self.dtype)
        table[:, : self.inputs], table[:, self.inputs + 1 :] = checked, encoded
        return table

    def split(self, table: Array) -> tuple[Array, Array]:
        """Return views of the rows and of the encoded targets of a table from `prepare`."""
        return table[:, : self.inputs], table[:, self.inputs + 1 :]

    def bind(self, theta: Array) -> Forward:
        """Return the network's function with a copy of θ, for repeated predictions."""
        self._check_theta(theta)
        return Forward(self._order, self.ends[1:], self.loss, self.layout, theta)

    def activations(self, theta: Array, rows: npt.ArrayLike) -> list[Array]:
        """Return each layer's outputs, `(…, B, units)`.

        Args:
            theta: θ `(P,)` or `(K, P)`.
            rows: `(B, features)`.
        """
        return self.bind(theta).activations(rows)

    def logits(self, theta: Array, rows: npt.ArrayLike) -> Array:
        """Return the outputs of the last layer, `(…, B, outputs)`.

        A pure function: safe from many threads at once.

        Args:
            theta: θ `(P,)` or `(K, P)`.
            rows: `(B, features)`.
        """
        return self.bind(theta).logits(rows)

    def predict(self, theta: Array, rows: npt.ArrayLike) -> Array:
        """Return predictions: probabilities, or numbers.

        Many rows are processed in chunks, whose activations stay in the processor's cache.

        Args:
            theta: θ `(P,)` or `(K, P)`.
            rows: `(B, features)`.

        Returns:
            `(…, B, outputs)`.
        """
        return self.bind(theta).predict(rows)

    def loss_of(
        self,
        theta: Array,
        rows: npt.ArrayLike,
        targets: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> Array:
        """Return the mean loss of rows, weighted by the rows' weights.

        Args:
            theta: θ `(P,)` or `(K, P)`.
            rows: `(B, features)`.
            targets: As the loss takes them: `(B, outputs)`, or `(B,)` for one output and for class
                numbers.
            weights: `(B,)`, at least 0; None for equal weights.

        Returns:
            `()`, or `(K,)`.
        """
        y = self.loss.encode(targets, self.outputs, self.dtype).T
        z = self.logits(theta, rows).swapaxes(-1, -2)
        check_length(y.shape[-1], z.shape[-1])
        shares = _row_shares(weights, z.shape[-1], self.dtype)
        return np.asarray((self.loss.value(z, y)[..., 0, :] * shares).sum(axis=-1))

    def summary(self) -> str:
        """Return a text table of layers, output shapes and numbers of parameters."""
        total = f"{self.layout.size:,} parameters, {self.dtype}; loss {self.loss.name}"
        return summary(self.layers, self.ends, total)

    def describe(self) -> dict[str, Any]:
        """Return the network as plain data, which `network_from` converts back."""
        return {
            "inputs": self.inputs,
            "channels": self.channels,
            "layers": [layer.describe() for layer in self.layers],
            "loss": self.loss.describe(),
            "dtype": self.dtype,
            **({"monotone": list(self.monotone)} if self.monotone else {}),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the description: pickling the nodes of deep networks exceeds the call stack."""
        return network_from, (self.describe(),)

    def _check_theta(self, theta: Array) -> None:
        if theta.ndim not in (1, 2) or theta.shape[-1] != self.layout.size:
            expected = f"({self.layout.size},) or (members, {self.layout.size})"
            raise NetworkError(f"theta must have shape {expected}, got {theta.shape}")
        if theta.dtype != self.dtype:
            raise NetworkError(f"theta must be {self.dtype}, got {theta.dtype}")


def network_from(description: Mapping[str, Any]) -> Network:
    """Build the network that `Network.describe` describes.

    Raises:
        NetworkError: The description is invalid.
    """
    if {*description} - {"monotone"} != {"inputs", "channels", "layers", "loss", "dtype"}:
        raise NetworkError("a network is described by inputs, channels, layers, loss and dtype")
    if not isinstance(description["layers"], list):
        raise NetworkError("layers must be a list")
    if not isinstance(description.get("monotone", []), list):
        raise NetworkError("monotone must be a list")
    if _count(description["layers"]) > MAX_LAYERS:
        raise NetworkError(f"a network may be described by {MAX_LAYERS} layers")
    return Network(**description)


def _count(layers: object) -> int:
    """Return the number of layers that plain data describes, nested layers included."""
    if not isinstance(layers, list):
        return 0
    nested = (layer.get("layers") for layer in layers if isinstance(layer, Mapping))
    return len(layers) + sum(map(_count, nested))


def _row_shares(weights: npt.ArrayLike | None, rows: int, dtype: npt.DTypeLike) -> Array:
    """Return each row's share of a weighted mean, `(B,)`; they add to 1."""
    if weights is None:
        return np.full(rows, 1 / rows, dtype)
    shares = as_matrix("weights", weights, 1, dtype)[:, 0]
    check_length(len(shares), rows)
    if (shares < 0).any() or not shares.any():
        raise NetworkError("weights must be at least 0, and not all 0")
    return np.asarray(shares / shares.sum())


def _check_monotone(monotone: tuple[int, ...], inputs: int, loss: Loss) -> None:
    if len(monotone) != inputs or not all(
        type(each) is int and -1 <= each <= 1 for each in monotone
    ):
        raise NetworkError(f"monotone must be {inputs} numbers, each of -1, 0 and 1")
    if loss.link == "softmax":
        raise NetworkError("monotone inputs are not for classes, whose probabilities share a sum")


def _check_output(last: Node, loss: Loss) -> None:
    """Reject a last layer whose activation or size does not match the loss."""
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
            f"loss {loss.name} needs one output per class, at least 2: "
            "for one output use binary_cross_entropy"
        )
