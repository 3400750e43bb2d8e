"""Sequential: define layers, fit them to rows, and predict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.errors import NetworkError
from model.explanation.explained import ExplainedFunction
from model.explanation.rows import Explanations, explain_rows
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
    """A trained network.

    Attributes:
        network: The network.
        theta: Its parameters, shape (P,).
        history: The records of the training.
    """

    network: Network
    theta: Array
    history: History

    def predict(self, rows: npt.ArrayLike) -> Array:
        """Predict probabilities or numbers, shape (B, outputs), for rows of shape (B, features)."""
        return self.network.predict(self.theta, rows)

    def loss(self, rows: npt.ArrayLike, targets: npt.ArrayLike) -> float:
        """Return the mean loss.

        Args:
            rows: Shape (B, features).
            targets: B targets, as the loss accepts them.
        """
        return float(self.network.loss_of(self.theta, rows, targets))

    def explain(self, rows: npt.ArrayLike, reference: npt.ArrayLike) -> Explanations:
        """Return the Shapley values of rows: how far each feature moves a prediction.

        Args:
            rows: Shape (B, features).
            reference: The rows to compare with, shape (R, features).

        Raises:
            NetworkError: The rows have another shape, or are not finite.
        """
        network = self.network
        function = ExplainedFunction(
            self.predict,
            network.inputs,
            network.outputs,
            network.loss.link != "linear",
            parameters=self.theta.size,
        )
        return explain_rows(function, rows, reference)


class Sequential:
    """A sequence of layers. It is a description: `fit` builds a network for the rows it is given.

    Args:
        layers: Layers, their names, or tables.
        channels: Features at each position of a signal.
        dtype: "float64" or "float32".
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
        """Minimize a loss over rows and their targets.

        Args:
            rows: Shape (N, features); scale them before.
            targets: N targets, as the loss accepts them.
            loss: A loss, its name, or a table. It takes the outputs of the last layer and applies
                sigmoid or softmax itself.
            optimizer: An optimizer, its name, or a table.
            epochs: Passes over the rows, at least 1.
            batch_size: Rows per step, "full" or "auto"; see `Training`.
            weights: Row weights, shape (N,).
            validation: Rows and targets that are evaluated but not trained on.
            watch: Called after every step; see `ProgressCallback`.
            **more: Further fields of `Training`.

        Raises:
            NetworkError: If the arguments do not fit together.
            DivergedError: If the loss is no longer finite.
        """
        shape = np.shape(rows)
        if len(shape) != 2:
            raise NetworkError(f"rows must have shape (rows, features), got {shape}")
        network = Network(self.layers, shape[1], loss, self.dtype, self.channels)
        training = Training(optimizer=optimizer, epochs=epochs, batch_size=batch_size, **more)
        result = minimize(
            network,
            network.initial_parameters(training.initial_generator()),
            training,
            Rows(rows, targets, weights),
            None if validation is None else Rows(*validation),
            watch=watch,
        )
        return Fitted(network, result.theta, result.history)
