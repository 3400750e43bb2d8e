"""A network in three statements: how the output is computed, which loss, and minimize it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.errors import NetworkError
from model.network.layers import Layer, layer_from
from model.network.losses import Loss
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.history import History
from model.training.fitting.loop import ProgressCallback, minimize
from model.training.optimizers.registry import Optimizer


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network with the weights that a training has found. history: how it went."""

    network: Network
    theta: Array
    history: History

    def predict(self, rows: npt.ArrayLike) -> Array:
        """Predictions (B, outputs) for rows (B, features): probabilities, or numbers."""
        return self.network.predict(self.theta, rows)

    def loss(self, rows: npt.ArrayLike, targets: npt.ArrayLike) -> float:
        """The mean loss of rows (B, features) against their targets."""
        return float(self.network.loss_of(self.theta, rows, targets))


class Sequential:
    """Layers one after another. It only describes: `fit` makes a network for the rows it is given.

    channels: how many of the features lie at one position, of signals. dtype: float64 or float32.
    """

    def __init__(
        self,
        layers: Iterable[Layer | Mapping[str, Any] | str],
        *,
        channels: int = 1,
        dtype: str = "float64",
    ) -> None:
        self.layers = tuple(layer_from(layer) for layer in layers)
        self.channels, self.dtype = channels, dtype

    def fit(
        self,
        rows: npt.ArrayLike,
        targets: npt.ArrayLike,
        loss: Loss | Mapping[str, Any] | str,
        optimizer: Optimizer | Mapping[str, Any] | str,
        *,
        epochs: int = 100,
        batch_size: int | str = 32,
        weights: npt.ArrayLike | None = None,
        validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        watch: ProgressCallback | None = None,
        **more: Any,
    ) -> Fitted:
        """Minimize the loss over rows (N, features) and their targets, each row in every epoch.

        The loss takes what the last layer puts out, and applies sigmoid or softmax itself. Rows are
        taken as they come: scale them before. validation: rows and targets that are not learned
        from. watch: see `minimize`. more: further fields of `Training`, by name.

        Raises NetworkError for what does not fit together, DivergedError where the loss is no
        longer a number.
        """
        shape = np.shape(rows)
        if len(shape) != 2:
            raise NetworkError(f"rows must have shape (rows, features), got {shape}")
        network = Network(self.layers, shape[1], loss, self.dtype, self.channels)
        training = Training(optimizer=optimizer, epochs=epochs, batch_size=batch_size, **more)
        outcome = minimize(
            network,
            network.initial_parameters(training.initial_generator()),
            training,
            Rows(rows, targets, weights),
            None if validation is None else Rows(*validation),
            watch=watch,
        )
        return Fitted(network, outcome.theta, outcome.history)
