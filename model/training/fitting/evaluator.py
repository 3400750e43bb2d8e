"""What a record says of the weights: losses and a metric, without noise, in pieces."""

import numpy as np

from model.arrays import Array, as_matrix, digest
from model.errors import NetworkError
from model.network.network import Network
from model.network.row_weights import row_shares
from model.training.batches.rows import Rows
from model.training.batches.stored_rows import StoredRows
from model.training.fitting.history import usual_metric

EVALUATED_ROWS = 4096  # of the training rows: enough for a curve
PIECE = 8192  # rows at once, so that their activations stay small


class Evaluation:
    """The loss, and the usual metric, on rows that stay the same.

    most: if there are more rows, so many of them stand for all, drawn once. Stored rows need it.
    """

    def __init__(self, network: Network, rows: Rows | StoredRows, most: int | None = None) -> None:
        if isinstance(rows, StoredRows):
            if most is None:
                raise NetworkError("stored rows are evaluated by some of them: most must be given")
            rows = rows.sample(most, 0)
        self._network = network
        self._inputs = as_matrix("rows", rows.inputs, network.inputs, network.dtype)
        self._given = np.asarray(rows.targets)
        self._targets = network.loss.encode(self._given, network.outputs, network.dtype)
        weights = None if rows.weights is None else np.asarray(rows.weights)
        if weights is not None and weights.ndim > 1:
            weights = weights.mean(axis=0)  # of members
        if most is not None and len(self._inputs) > most:
            counts = np.arange(len(self._inputs)) if weights is None else np.flatnonzero(weights)
            size = min(most, len(counts))
            part = np.sort(np.random.default_rng(0).choice(counts, size, replace=False))
            self._inputs, self._given = self._inputs[part], self._given[part]
            self._targets = self._targets[part]
            weights = None if weights is None else weights[part]
        self._shares = row_shares(weights, len(self._inputs), np.float64)
        if len(self._targets) != len(self._inputs):
            raise NetworkError("targets must be as many as the rows")
        self._metric = usual_metric(network.loss)

    def digest(self) -> str:
        """A SHA-256 of the rows."""
        return digest(self._inputs, self._targets, self._shares)

    def of(self, theta: Array, *, loss_only: bool = False) -> tuple[float, dict[str, float]]:
        """The mean loss and the metric; of members, the mean loss, and the mean prediction's."""
        loss, predictions = self._network.loss, []
        total = 0.0
        for start in range(0, len(self._inputs), PIECE):
            part = slice(start, start + PIECE)
            z = self._network.logits(theta, self._inputs[part]).swapaxes(-1, -2)
            losses = loss.value(z, self._targets[part].T)[..., 0, :]
            total += float(np.mean(losses @ self._shares[part]))
            if loss_only:
                continue
            predicted = loss.predict(z).swapaxes(-1, -2)
            predictions.append(predicted.mean(axis=0) if theta.ndim > 1 else predicted)
        if loss_only:
            return total, {}
        name, metric = self._metric
        return total, {name: metric(self._given, np.concatenate(predictions))}
