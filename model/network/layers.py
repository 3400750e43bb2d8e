"""Layers: descriptions that `build` turns into nodes of the graph."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from model.errors import NetworkError
from model.network.activations.activation import Activation
from model.network.activations.registry import ACTIVATIONS
from model.network.config import Configurable, build, by_name
from model.network.graph import Node
from model.network.initializers import INITIALIZERS, Initializer
from model.network.ops.convolution import Windowed
from model.network.ops.dense import Activated, Add, Affine, MaxOver, Normalize
from model.network.ops.stochastic import AlphaDrop, Drop, Jitter
from model.network.validation import require_count, require_number

# A name, a table of a name and fields, or an object.
ActivationLike = str | Mapping[str, Any] | Activation | None
InitializerLike = str | Mapping[str, Any] | Initializer | None


class Layer(Configurable):
    """A description of one or more nodes."""

    @abstractmethod
    def build(self, source: Node) -> Node:
        """Return the last of the layer's nodes, built on `source`.

        Raises:
            NetworkError: The layer does not fit its input.
        """

    def _set_field(self, field: str, value: object) -> None:
        """Set a field of the frozen dataclass during its construction."""
        object.__setattr__(self, field, value)


class _Weighted(Layer):
    """A layer with weights and, in most cases, an activation.

    The default initializer is the activation's: He for the ReLU family, LeCun for SELU, Glorot
    otherwise.
    """

    activation: ActivationLike
    initializer: InitializerLike

    def _build_parts(self) -> None:
        if self.activation is not None:
            self._set_field("activation", build("activation", ACTIVATIONS, self.activation))
        if self.initializer is not None:
            self._set_field("initializer", build("initializer", INITIALIZERS, self.initializer))

    @property
    def _weights(self) -> Initializer:
        chosen = self.initializer
        if chosen is None:
            activation = self.activation
            if isinstance(activation, Activation):
                chosen = activation.default_initializer
            else:
                chosen = "glorot_normal"
        return build("initializer", INITIALIZERS, chosen)

    def _activate(self, node: Node) -> Node:
        return Activated(node, self.activation) if isinstance(self.activation, Activation) else node


@dataclass(frozen=True)
class Dense(_Weighted):
    """Fully connected layer: activation(W x + b).

    Args:
        units: The number of outputs, from 1 to 10⁹.
        activation: An object, a name or a table of a name and fields; None for a linear layer.
        initializer: Likewise; None for the activation's default.
    """

    name = "dense"
    units: int
    activation: ActivationLike = None
    initializer: InitializerLike = None

    def __post_init__(self) -> None:
        require_count(f"{self.name}: units", self.units)
        self._build_parts()

    def build(self, source: Node) -> Node:
        return self._activate(Affine(source, self.units, self._weights))


@dataclass(frozen=True)
class Conv1D(_Weighted):
    """One-dimensional convolution: filters over windows of a signal, with shared weights.

    Without padding, T positions give (T − kernel) // stride + 1 positions of `filters` channels.

    Args:
        filters: The number of output channels, from 1.
        kernel: The positions per window, from 1 to T.
        stride: The positions from one window to the next, from 1.
        activation: An object, a name or a table of a name and fields; None for a linear layer.
        initializer: Likewise; None for the activation's default.
    """

    name = "conv1d"
    filters: int
    kernel: int
    stride: int = 1
    activation: ActivationLike = None
    initializer: InitializerLike = None

    def __post_init__(self) -> None:
        for key in ("filters", "kernel", "stride"):
            require_count(f"{self.name}: {key}", getattr(self, key))
        self._build_parts()

    def build(self, source: Node, *, tied: bool = True) -> Node:
        """Return the last of the layer's nodes.

        Args:
            source: The node of the signal.
            tied: True if all windows share their weights.

        Returns:
            The node over the windows, or its activation's.

        Raises:
            NetworkError: The kernel is larger than the signal.
        """
        positions = source.units // source.channels
        if self.kernel > positions:
            raise NetworkError(
                f"{self.name}: kernel must fit the signal's {positions} positions, "
                f"got {self.kernel}"
            )
        sizes = self.filters, self.kernel, self.stride
        return self._activate(Windowed(source, *sizes, self._weights, tied=tied))


@dataclass(frozen=True)
class LocallyConnected1D(Conv1D):
    """Conv1D with separate weights for every window."""

    name = "locally_connected1d"

    def build(self, source: Node, *, tied: bool = False) -> Node:
        return super().build(source, tied=tied)


@dataclass(frozen=True)
class Maxout(_Weighted):
    """Each unit is the maximum of several affine functions, so that it learns its activation.

    Source: Goodfellow et al., "Maxout networks", 2013, https://arxiv.org/abs/1302.4389

    Args:
        units: The number of outputs, from 1.
        pieces: The affine functions per unit, from 1.
        initializer: An object, a name or a table of a name and fields; None for Glorot's normal.
    """

    name = "maxout"
    units: int
    pieces: int = 2
    initializer: InitializerLike = None
    activation = None

    def __post_init__(self) -> None:
        require_count(f"{self.name}: units", self.units)
        require_count(f"{self.name}: pieces", self.pieces)
        self._build_parts()

    def build(self, source: Node) -> Node:
        return MaxOver(Affine(source, self.units * self.pieces, self._weights), self.pieces)


@dataclass(frozen=True)
class Dropout(Layer):
    """During training, set units to 0 at random and scale the others up; no effect on prediction.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    2014, https://jmlr.org/papers/v15/srivastava14a.html

    Args:
        rate: The probability of 0 for each unit, from 0 to 0.99.
    """

    name = "dropout"
    rate: float

    def __post_init__(self) -> None:
        require_number(f"{self.name}: rate", self.rate, 0, 0.99)

    def build(self, source: Node) -> Node:
        return Drop(source, self.rate)


@dataclass(frozen=True)
class AlphaDropout(Dropout):
    """Dropout for SELU networks: keeps mean and variance.

    Source: Klambauer et al., "Self-normalizing neural networks", 2017, §3,
    https://arxiv.org/abs/1706.02515
    """

    name = "alpha_dropout"

    def build(self, source: Node) -> Node:
        return AlphaDrop(source, self.rate)


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """Add normal noise during training (input jitter); no effect on prediction.

    Args:
        standard_deviation: From 0 to 10⁶.
    """

    name = "gaussian_noise"
    standard_deviation: float

    def __post_init__(self) -> None:
        require_number(f"{self.name}: standard_deviation", self.standard_deviation, 0, 1e6)

    def build(self, source: Node) -> Node:
        return Jitter(source, self.standard_deviation)


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """Scale each row's units to mean 0 and variance 1; then a learned gain and offset per unit.

    Source: Ba et al., "Layer normalization", 2016, https://arxiv.org/abs/1607.06450

    Args:
        epsilon: Added to the variance, from 1e-12 to 1.
    """

    name = "layer_normalization"
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        require_number(f"{self.name}: epsilon", self.epsilon, 1e-12, 1)

    def build(self, source: Node) -> Node:
        return Normalize(source, self.epsilon)


@dataclass(frozen=True)
class Flatten(Layer):
    """Turn a signal's positions and channels into plain features, in that order."""

    name = "flatten"

    def build(self, source: Node) -> Node:
        node = Activated(source, ACTIVATIONS["linear"]())  # the order of the values is the same
        node.channels = 1
        return node


@dataclass(frozen=True)
class Residual(Layer):
    """x + f(x) for a stack of layers f; a linear projection of x where the sizes differ.

    Source: He et al., "Deep residual learning for image recognition", 2016,
    https://arxiv.org/abs/1512.03385

    Args:
        layers: f, at least one layer; objects, names or tables.
    """

    name = "residual"
    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        layers = self.layers
        if not isinstance(layers, list | tuple) or not layers:
            raise NetworkError("residual: layers must be a list of at least one layer")
        self._set_field("layers", tuple(layer_from(layer) for layer in layers))

    def build(self, source: Node) -> Node:
        last = source
        for layer in self.layers:
            last = layer.build(last)
        if last is source:
            raise NetworkError("residual: layers must compute something")
        skip = source
        if source.units != last.units:
            skip = Affine(source, last.units, INITIALIZERS["glorot_normal"]())
        return Add(last, skip)


LAYERS: Final = by_name(
    (
        Dense,
        Conv1D,
        LocallyConnected1D,
        Maxout,
        Dropout,
        AlphaDropout,
        GaussianNoise,
        LayerNormalization,
        Flatten,
        Residual,
    )
)


def layer_from(description: object) -> Layer:
    """Build the layer that plain data describes; a table without a name is a dense layer.

    Raises:
        NetworkError: A name or a field is unknown, a field is missing, or a value is invalid.
    """
    if isinstance(description, Mapping) and "name" not in description:
        description = {"name": Dense.name, **description}
    return build("layer", LAYERS, description)
