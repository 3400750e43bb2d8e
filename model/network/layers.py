"""Layers only describe; `build` turns a description into nodes of the graph."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from model.errors import NetworkError
from model.network.graph import Node
from model.network.initializers import INITIALIZERS
from model.network.nodes import Affine, ReLU, Sigmoid

ACTIVATIONS: Final[dict[str, type[ReLU] | type[Sigmoid]]] = {"relu": ReLU, "sigmoid": Sigmoid}


@dataclass(frozen=True)
class Dense:
    """Every unit sees every input: activation(W x + b).

    activation: None for the identity. initializer: by default He for ReLU, LeCun otherwise.
    """

    units: int
    activation: str | None = None
    initializer: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.units, bool) or not isinstance(self.units, int) or self.units < 1:
            raise NetworkError(f"units must be a positive integer, got {self.units!r}")
        if self.activation not in (None, *ACTIVATIONS):
            names = ", ".join(ACTIVATIONS)
            raise NetworkError(f"activation must be one of {names}, got {self.activation!r}")
        if self.initializer not in (None, *INITIALIZERS):
            names = ", ".join(INITIALIZERS)
            raise NetworkError(f"initializer must be one of {names}, got {self.initializer!r}")

    def build(self, source: Node) -> Node:
        """An affine node, and the activation's after it."""
        default = "he_normal" if self.activation == "relu" else "lecun_normal"
        node: Node = Affine(source, self.units, INITIALIZERS[self.initializer or default])
        return ACTIVATIONS[self.activation](node) if self.activation else node

    def describe(self) -> dict[str, Any]:
        """The layer as plain data, `layer_from` reads it back."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def layer_from(description: Mapping[str, Any]) -> Dense:
    """The layer that plain data describes. Raises NetworkError for keys or values it can't take."""
    known = [field.name for field in fields(Dense)]
    for key in description:
        if key not in known:
            raise NetworkError(f"a layer has no {key!r}: it takes {', '.join(known)}")
    if "units" not in description:
        raise NetworkError("a layer needs its units")
    return Dense(**description)
