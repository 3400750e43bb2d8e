"""The records of a training, and the metrics that they contain."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from model.arrays import Array
from model.network.losses import Loss

MAX_THINNED = 200

Metric = Callable[[Array, Array], float]  # targets (B, outputs) or (B,), predictions (B, outputs)


@dataclass(frozen=True)
class Record:
    """The state of a training after some epochs.

    Losses exclude penalties, noise and dropout, and all are of the same weights. For members they
    are means, except for the out-of-bag loss.

    Attributes:
        epoch: Epochs so far; 0 is the start.
        step: Updates so far.
        train_loss: Loss on training rows, at most 4096 of them.
        validation_loss: Loss on validation rows, None without them.
        metrics: Metrics by name: on validation rows if there are any, else out of bag if that loss
            is known, else on training rows.
        rate: Learning rate of the last update.
        gradient_norm: Norm of the last gradient before clipping, None before the first update.
        out_of_bag_loss: Loss of a bagged ensemble's averaged out-of-bag predictions, without label
            smoothing; None if early stopping does not need it.
    """

    epoch: int
    step: int
    train_loss: float
    validation_loss: float | None
    metrics: dict[str, float]
    rate: float
    gradient_norm: float | None
    out_of_bag_loss: float | None = None

    @property
    def monitored(self) -> float:
        """The loss that decides which record is best: out-of-bag, else validation, else train."""
        losses = self.out_of_bag_loss, self.validation_loss
        return next((loss for loss in losses if loss is not None), self.train_loss)


@dataclass
class History:
    """The records of a training.

    Attributes:
        records: In order.
    """

    records: list[Record] = field(default_factory=list)

    @property
    def best(self) -> Record:
        """The record with the lowest monitored loss, the first of equal ones."""
        return min(self.records, key=lambda record: record.monitored)

    def thinned(self) -> list[dict[str, float]]:
        """Return the epoch and the known losses of at most 200 records, with the last one."""
        step = -(-len(self.records) // MAX_THINNED)
        return [
            {
                "epoch": record.epoch,
                "train": record.train_loss,
                **{
                    name: loss
                    for name, loss in (
                        ("validation", record.validation_loss),
                        ("out_of_bag", record.out_of_bag_loss),
                    )
                    if loss is not None
                },
            }
            for record in reversed(self.records[::-1][::step])
        ]

    def column(self, name: str) -> list[Any]:
        """Return a field or a metric of all records, in order."""
        return [{**record.metrics, **asdict(record)}[name] for record in self.records]


def default_metric(loss: Loss) -> tuple[str, Metric]:
    """Return the name and function of the metric for a loss: accuracy, or R² of a regression."""
    if loss.link == "linear":
        return "r_squared", r_squared
    return "accuracy", accuracy_of_classes if loss.link == "softmax" else accuracy_of_labels


def accuracy_of_labels(targets: Array, predictions: Array) -> float:
    """Return the share of labels classified correctly at a threshold of 0.5.

    Args:
        targets: Labels, 0 or 1, shape (B,) or (B, outputs).
        predictions: Probabilities, shape (B, outputs).
    """
    labels = np.reshape(targets, predictions.shape)
    return float(((labels > 0.5) == (predictions > 0.5)).mean())


def accuracy_of_classes(targets: Array, predictions: Array) -> float:
    """Return the share of rows whose likeliest class is the target.

    Args:
        targets: Class numbers (B,), or class shares (B, classes), of which the largest counts.
        predictions: Probabilities, shape (B, classes).
    """
    columns = np.reshape(targets, (len(predictions), -1))
    classes = columns.argmax(axis=1) if columns.shape[1] > 1 else columns[:, 0]
    return float((classes == predictions.argmax(axis=1)).mean())


def r_squared(targets: Array, predictions: Array) -> float:
    """Return the coefficient of determination, 1 − Σ (y − ŷ)² / Σ (y − mean y)².

    1 is perfect; 0 is as good as predicting the mean. If all targets are equal: 1 if all
    predictions are exact, else 0.

    Args:
        targets: y, shape (B,) or (B, outputs).
        predictions: ŷ, shape (B, outputs).
    """
    y = np.reshape(targets, predictions.shape)
    spread, error = np.square(y - y.mean(axis=0)).sum(), np.square(y - predictions).sum()
    return float(1 - error / spread) if spread and (y != y[0]).any() else float(error == 0)
