"""Training rows in memory: as given, and prepared for a training."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.arrays import Array, digest
from model.errors import NetworkError
from model.network.network import Network
from model.network.row_weights import check_length

# Random streams of a training's seed; the initial weights use the seed itself.
SHUFFLE, NOISE = 1, 2


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with their targets.

    Attributes:
        inputs: Shape (N, features).
        targets: N targets, as the loss accepts them.
        weights: Row weights, shape (N,), or (K, N) for members; None weights all rows alike.
    """

    inputs: npt.ArrayLike
    targets: npt.ArrayLike
    weights: npt.ArrayLike | None = None


class InMemoryRows:
    """All rows of a training, prepared in memory.

    Args:
        network: The network.
        theta: Parameters, shape (P,), or (K, P) for K members.
        rows: The rows.
        seed: The training's seed.

    Attributes:
        inputs: Shape (N, features + 1), the last column ones.
        targets: Encoded, shape (N, outputs).
        weights: Scaled to mean 1, shape (N,) or (K, N); None without weights.

    Raises:
        NetworkError: If the rows do not fit the network.
    """

    def __init__(self, network: Network, theta: Array, rows: Rows, seed: int) -> None:
        self.inputs = network.prepare(rows.inputs)
        self.targets = network.loss.encode(rows.targets, network.outputs, network.dtype)
        check_length(len(self.targets), len(self.inputs))
        self.weights = _scale_to_mean_one(rows.weights, theta, len(self.inputs))
        self._seed = seed

    def order(self, epoch: int) -> Array:
        """Return the row indices (N,) in the order of an epoch."""
        return np.random.default_rng([self._seed, SHUFFLE, epoch]).permutation(len(self.inputs))

    def index(self, order: Array, first: int, last: int) -> Array:
        """Return the indices of an epoch's rows [first, last).

        Args:
            order: The epoch's order.
            first: Number of the first row in the epoch.
            last: Number after the last row; the epoch may end before.

        Returns:
            Indices into `inputs`, shape (B,).
        """
        return order[first:last]

    def digest(self) -> str:
        """Return a SHA-256 of the rows."""
        return digest(self.inputs, self.targets, self.weights)


def _scale_to_mean_one(weights: npt.ArrayLike | None, theta: Array, rows: int) -> Array | None:
    """Scale weights to mean 1, for each member if θ has members."""
    if weights is None:
        return None
    try:
        given = np.asarray(weights, theta.dtype)
    except (TypeError, ValueError):
        raise NetworkError("weights must be numbers") from None
    shape = (*theta.shape[:-1], rows)
    if given.shape not in ((rows,), shape):
        raise NetworkError(f"weights must have shape {(rows,)}, got {given.shape}")
    if not (np.isfinite(given) & (given >= 0)).all() or not given.any(axis=-1).all():
        raise NetworkError("weights must be finite, at least 0, and not all 0")
    scaled = np.empty(shape, theta.dtype)
    np.divide(given, given.mean(axis=-1, keepdims=True), scaled)
    return scaled
