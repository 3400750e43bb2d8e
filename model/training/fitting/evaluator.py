"""Evaluate weights during a training: loss and metric, without dropout, noise or penalties."""

import numpy as np

from model.arrays import Array, digest
from model.network.network import Network
from model.training.batches.rows import EncodedRows
from model.training.fitting.history import default_metric

EVALUATED_ROWS = 4096  # training rows that a record evaluates: enough for a learning curve
CHUNK_ROWS = 8192  # rows evaluated at once, to bound the memory of their activations


class Evaluator:
    """Loss and default metric on a fixed set of rows.

    Args:
        network: The network.
        rows: The rows.
        max_rows: If there are more rows, a sample of this size is drawn once and evaluated.
    """

    def __init__(self, network: Network, rows: EncodedRows, max_rows: int | None = None) -> None:
        weights, index = rows.weights, np.arange(len(rows))
        if weights is not None and weights.ndim > 1:
            weights = weights.mean(axis=0)  # over members
        if max_rows is not None and len(rows) > max_rows:
            eligible = index if weights is None else np.flatnonzero(weights)
            size = min(max_rows, len(eligible))
            index = np.sort(np.random.default_rng(0).choice(eligible, size, replace=False))
        self._network = network
        self._inputs = np.ascontiguousarray(rows.inputs[index])
        self._given_targets, self._targets = rows.given_targets[index], rows.targets[index]
        if weights is None:
            self._shares = np.full(len(index), 1 / len(index))
        else:
            self._shares = weights[index] / weights[index].sum()
        self._metric = default_metric(network.loss)

    def digest(self) -> str:
        """Return a SHA-256 of the rows."""
        return digest(self._inputs, self._targets, self._shares)

    def evaluate(self, theta: Array, *, loss_only: bool = False) -> tuple[float, dict[str, float]]:
        """Evaluate the loss and the metric.

        Args:
            theta: Parameters, shape (P,), or (K, P) for K members.
            loss_only: Skip the metric.

        Returns:
            The weighted mean loss, averaged over members; and the metric of the predictions,
            averaged over members, by name.
        """
        loss, predictions = self._network.loss, []
        total = 0.0
        for start in range(0, len(self._inputs), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
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
        return total, {name: metric(self._given_targets, np.concatenate(predictions))}
