"""Training rows: as given, and checked and encoded for a network."""

import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from model.arrays import Array, digest
from model.errors import NetworkError
from model.network.network import Network


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with their targets.

    Attributes:
        inputs: Shape (N, features).
        targets: N targets, as the loss accepts them.
        weights: Row weights, shape (N,), or (K, N) for members; None weights all rows alike.
        bags: How often each row is in each member's bag, shape (K, N); None if every member trains
            on all rows.
    """

    inputs: npt.ArrayLike
    targets: npt.ArrayLike
    weights: npt.ArrayLike | None = None
    bags: npt.ArrayLike | None = None


class EncodedRows:
    """Rows that fit a network. They are checked here, and nowhere else in a training.

    Args:
        network: The network.
        rows: The rows.
        members: K, the number of members; None for a single network.

    Attributes:
        table: Rows and encoded targets, as `Network.prepare` returns them.
        inputs: View of the table's rows, shape (N, features).
        targets: View of the table's encoded targets, shape (N, outputs).
        given_targets: Targets before the encoding.
        weights: Shape (N,) or (K, N), float64, with the bags' counts as factors; None without
            weights and bags.
        bags: Shape (K, N), float64; None without bags.
        own_weights: Weights without the bags' counts, shape (N,) or (K, N), or None.

    Raises:
        NetworkError: If the rows do not fit the network, or weights are invalid.
    """

    def __init__(self, network: Network, rows: Rows, members: int | None = None) -> None:
        self.table = network.prepare(rows.inputs, rows.targets)
        self.inputs, self.targets = network.split(self.table)
        self.given_targets = np.asarray(rows.targets)
        each, by_member = (len(self),), (members, len(self))
        self.own_weights = _checked("weights", rows.weights, (each, by_member))
        self.bags = _checked("bags", rows.bags, (by_member,))
        self.weights = self.own_weights
        if self.bags is not None:
            bagged = self.bags if self.weights is None else self.bags * self.weights
            self.weights = _checked("weights of each bag", bagged, (by_member,))

    def __len__(self) -> int:
        return len(self.table)

    def for_members(self, members: slice) -> Self:
        """Return the same rows with the weights of some members of an ensemble."""
        rows = copy.copy(self)
        if rows.weights is not None and rows.weights.ndim > 1:
            rows.weights = rows.weights[members]
        rows.bags = rows.own_weights = None  # steps need the weights only
        return rows

    def digest(self) -> str:
        """Return a SHA-256 of the rows."""
        return digest(self.table, self.weights)


def _checked(
    name: str, given: npt.ArrayLike | None, shapes: tuple[tuple[int | None, ...], ...]
) -> Array | None:
    """Return weights as float64, of one of these shapes; None stays None."""
    if given is None:
        return None
    try:
        weights = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise NetworkError(f"{name} must be numbers") from None
    if weights.shape not in shapes:
        raise NetworkError(f"{name} must have shape {shapes[0]}, got {weights.shape}")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any(axis=-1).all():
        raise NetworkError(f"{name} must be finite, at least 0, and not all 0")
    return weights
