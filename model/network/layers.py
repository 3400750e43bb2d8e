"""Layers only describe; `build` turns a description into nodes of the graph."""

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

# How an activation or an initializer may be given: by name, by name and numbers, or as an object.
ActivationLike = str | Mapping[str, Any] | Activation | None
InitializerLike = str | Mapping[str, Any] | Initializer | None


class Layer(Configurable):
    """A description of one or more nodes."""

    def build(self, source: Node) -> Node:
        """The layer's nodes after `source`, the last of them. Raises NetworkError."""
        raise NotImplementedError

    def _settle(self, field: str, value: object) -> None:
        """Set a field of a frozen dataclass, once, while it is made."""
        object.__setattr__(self, field, value)


class _Weighted(Layer):
    """A layer with weights and, mostly, an activation after them.

    The initializer is by default the one that goes with the activation: He for the ReLU family,
    LeCun for SELU, Glorot otherwise.
    """

    activation: ActivationLike
    initializer: InitializerLike

    def _settle_names(self) -> None:
        if self.activation is not None:
            self._settle("activation", build("activation", ACTIVATIONS, self.activation))
        if self.initializer is not None:
            self._settle("initializer", build("initializer", INITIALIZERS, self.initializer))

    @property
    def _weights(self) -> Initializer:
        chosen = self.initializer
        if chosen is None:
            after = self.activation
            chosen = after.default_initializer if isinstance(after, Activation) else "glorot_normal"
        return build("initializer", INITIALIZERS, chosen)

    def _activate(self, node: Node) -> Node:
        return Activated(node, self.activation) if isinstance(self.activation, Activation) else node


@dataclass(frozen=True)
class Dense(_Weighted):
    """Every unit sees every input: activation(W x + b)."""

    name = "dense"
    units: int
    activation: ActivationLike = None
    initializer: InitializerLike = None

    def __post_init__(self) -> None:
        require_count(f"{self.name}: units", self.units)
        self._settle_names()

    def build(self, source: Node) -> Node:
        """An affine node, and the activation's after it."""
        return self._activate(Affine(source, self.units, self._weights))


@dataclass(frozen=True)
class Conv1D(_Weighted):
    """Filters slid along a signal: every `stride` positions a window of `kernel` of them.

    All windows share their weights; no padding: (T − kernel) // stride + 1 positions come out, and
    `filters` channels.
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
        self._settle_names()

    def build(self, source: Node, *, tied: bool = True) -> Node:
        """A node over the windows, and the activation's after it."""
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
    """Conv1D with weights of its own for every window."""

    name = "locally_connected1d"

    def build(self, source: Node, *, tied: bool = False) -> Node:
        """A node over the windows, and the activation's after it."""
        return super().build(source, tied=tied)


@dataclass(frozen=True)
class Maxout(_Weighted):
    """The largest of `pieces` affine functions a unit: learns its own activation."""

    name = "maxout"
    units: int
    pieces: int = 2
    initializer: InitializerLike = None
    activation = None

    def __post_init__(self) -> None:
        require_count(f"{self.name}: units", self.units)
        require_count(f"{self.name}: pieces", self.pieces)
        self._settle_names()

    def build(self, source: Node) -> Node:
        """An affine node for all pieces, and their maximum."""
        return MaxOver(Affine(source, self.units * self.pieces, self._weights), self.pieces)


@dataclass(frozen=True)
class Dropout(Layer):
    """Each unit is 0 at this rate while training, the others scaled up; nothing on prediction."""

    name = "dropout"
    rate: float

    def __post_init__(self) -> None:
        require_number(f"{self.name}: rate", self.rate, 0, 0.99)

    def build(self, source: Node) -> Node:
        """One node."""
        return Drop(source, self.rate)


@dataclass(frozen=True)
class AlphaDropout(Dropout):
    """Dropout after SELU: keeps mean and variance."""

    name = "alpha_dropout"

    def build(self, source: Node) -> Node:
        """One node."""
        return AlphaDrop(source, self.rate)


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """Normal noise of this standard deviation is added while training (input jitter)."""

    name = "gaussian_noise"
    standard_deviation: float

    def __post_init__(self) -> None:
        require_number(f"{self.name}: standard_deviation", self.standard_deviation, 0, 1e6)

    def build(self, source: Node) -> Node:
        """One node."""
        return Jitter(source, self.standard_deviation)


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """Each row's units to mean 0 and variance 1, then a learned gain and offset a unit."""

    name = "layer_normalization"
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        require_number(f"{self.name}: epsilon", self.epsilon, 1e-12, 1)

    def build(self, source: Node) -> Node:
        """One node."""
        return Normalize(source, self.epsilon)


@dataclass(frozen=True)
class Flatten(Layer):
    """A signal's positions and channels as plain features, in that order."""

    name = "flatten"

    def build(self, source: Node) -> Node:
        """The values lie so already; only what the next layer is told changes."""
        node = Activated(source, ACTIVATIONS["linear"]())
        node.channels = 1
        return node


@dataclass(frozen=True)
class Residual(Layer):
    """x + f(x) for the layers f; through a linear projection of x where the sizes differ."""

    name = "residual"
    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        layers = self.layers
        if not isinstance(layers, list | tuple) or not layers:
            raise NetworkError("residual: layers must be a list of at least one layer")
        self._settle("layers", tuple(layer_from(layer) for layer in layers))

    def build(self, source: Node) -> Node:
        """The layers' nodes, the projection where needed, and the sum."""
        last = source
        for layer in self.layers:
            last = layer.build(last)
        if last is source:
            raise NetworkError("residual: layers must compute something")
        skipped = source
        if source.units != last.units:
            skipped = Affine(source, last.units, INITIALIZERS["glorot_normal"]())
        return Add(last, skipped)


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
    """The layer that plain data describes, a dense one where it has no name.

    Raises NetworkError for what it can't take.
    """
    if isinstance(description, Mapping) and "name" not in description:
        description = {"name": Dense.name, **description}
    return build("layer", LAYERS, description)
