"""Evaluate weights during a training: loss and metric, without dropout, noise or penalties."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from model.arrays import Array, digest
from model.errors import TrainingError
from model.network.losses import Loss
from model.network.network import Network
from model.training.batches.rows import EncodedRows
from model.training.fitting.history import default_metric

EVALUATED_ROWS = 4096  # training rows that a record evaluates: enough for a learning curve
OUT_OF_BAG_ROWS = 8192  # training rows that a record predicts out of bag
CHUNK_ROWS = 1024  # rows evaluated at once: activations of some members stay in the cache


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
        self._network, self._index = network, index
        self._inputs = np.ascontiguousarray(rows.inputs[index])
        self._given_targets, self._targets = rows.given_targets[index], rows.targets[index]
        self._shares = _shares(weights, index)
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
        for part, z in self._logits(theta):
            total += self._loss(part, z)
            if loss_only:
                continue
            predicted = loss.predict(z).swapaxes(-1, -2)
            predictions.append(predicted.mean(axis=0) if theta.ndim > 1 else predicted)
        if loss_only:
            return total, {}
        name, metric = self._metric
        return total, {name: metric(self._given_targets, np.concatenate(predictions))}

    def _logits(self, theta: Array) -> Iterator[tuple[slice, Array]]:
        """Yield chunks of the rows with their logits, shape (…, outputs, B)."""
        for start in range(0, len(self._inputs), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            yield part, self._network.logits(theta, self._inputs[part]).swapaxes(-1, -2)

    def _loss(self, part: slice, z: Array) -> float:
        """Return a chunk's part of the loss, averaged over members."""
        losses = self._network.loss.value(z, self._targets[part].T)[..., 0, :]
        return float(np.mean(losses @ self._shares[part]))


class OutOfBagEvaluator(Evaluator):
    """Losses and default metric of a bagged ensemble on its training rows.

    The out-of-bag prediction of a row is averaged over the members that do not have the row in
    their bag. If there are more than 8192 rows, a sample of them is evaluated.

    Args:
        network: The network.
        rows: The training rows, with bags.

    Raises:
        TrainingError: If there are no bags, or no row is out of any bag.
    """

    def __init__(self, network: Network, rows: EncodedRows) -> None:
        super().__init__(network, rows, OUT_OF_BAG_ROWS)
        if rows.bags is None:
            raise TrainingError("training.early_stopping: out-of-bag rows need a bagged ensemble")
        outside = (rows.bags[:, self._index] == 0).astype(float)
        voters = outside.sum(axis=0)
        own = rows.own_weights
        own = own if own is None or own.ndim == 1 else own.mean(axis=0)
        weights = (voters > 0) * (1.0 if own is None else own[self._index])
        if not weights.any():
            raise TrainingError("training.early_stopping: no row is out of any member's bag")
        self._votes = outside / np.maximum(voters, 1)
        self._known = voters > 0
        self._known_shares = weights / weights.sum()
        # Label smoothing is for gradients: the loss of out-of-bag predictions is a plain log-loss.
        self._plain_loss = _without_smoothing(network.loss)
        self._plain_targets = self._plain_loss.encode(self._given_targets, network.outputs, float)

    def evaluate_both(self, theta: Array) -> tuple[float, float, dict[str, float]]:
        """Evaluate both losses, and the metric of the out-of-bag predictions.

        Args:
            theta: Parameters, shape (K, P).

        Returns:
            The weighted mean loss of the members on all rows, averaged over members; the loss of
            the averaged out-of-bag predictions, weighted by the rows' own weights; and the metric
            by name.
        """
        loss, total, out_of_bag, predictions = self._plain_loss, 0.0, 0.0, []
        for part, z in self._logits(theta):
            total += self._loss(part, z)
            predicted = np.einsum("kb,kob->ob", self._votes[:, part], loss.predict(z))
            losses = loss.value(loss.logits(predicted), self._plain_targets[part].T)[0]
            out_of_bag += float(losses @ self._known_shares[part])
            predictions.append(predicted.T)
        name, metric = self._metric
        known = self._known
        found = metric(self._given_targets[known], np.concatenate(predictions)[known])
        return total, out_of_bag, {name: found}


def _shares(weights: Array | None, index: Array) -> Array:
    """Return the rows' shares of the mean."""
    if weights is None:
        return np.full(len(index), 1 / len(index))
    return np.asarray(weights[index] / weights[index].sum())


def _without_smoothing(loss: Loss) -> Loss:
    given: Any = loss
    return replace(given, label_smoothing=0.0) if hasattr(loss, "label_smoothing") else loss
