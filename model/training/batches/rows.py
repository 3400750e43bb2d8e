"""Rows in memory: as they are given, and as a training takes its batches out of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.arrays import Array, digest
from model.errors import NetworkError
from model.network.network import Network
from model.network.row_weights import check_length

SHUFFLE, NOISE = 1, 2  # streams of a training's seed; its initial weights have the seed itself


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with their targets: inputs (N, features), targets as the loss takes them.

    weights: (N,), or (K, N) for members; by default all alike.
    """

    inputs: npt.ArrayLike
    targets: npt.ArrayLike
    weights: npt.ArrayLike | None = None


class HeldRows:
    """Rows prepared for a training, all of them.

    inputs: (N, features + 1), ones last. targets: (N, outputs), encoded. weights: (…, N) of mean 1,
    or none. Raises NetworkError for rows that do not fit.
    """

    def __init__(self, network: Network, theta: Array, rows: Rows, seed: int) -> None:
        self.inputs = network.prepare(rows.inputs)
        self.targets = network.loss.encode(rows.targets, network.outputs, network.dtype)
        check_length(len(self.targets), len(self.inputs))
        self.weights = _mean_one(rows.weights, theta, len(self.inputs))
        self._seed = seed

    def order(self, epoch: int) -> Array:
        """The rows' indices (N,) in the order of this epoch."""
        return np.random.default_rng([self._seed, SHUFFLE, epoch]).permutation(len(self.inputs))

    def index(self, order: Array, first: int, last: int) -> Array:
        """Where the epoch's rows [first, last) are: (B,), fewer where it has no more."""
        return order[first:last]

    def digest(self) -> str:
        """A SHA-256 of the rows."""
        return digest(self.inputs, self.targets, self.weights)


def _mean_one(weights: npt.ArrayLike | None, theta: Array, rows: int) -> Array | None:
    """Weights (…, N) as factors of mean 1, each member's own where θ has members."""
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
