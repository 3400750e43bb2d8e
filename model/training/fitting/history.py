"""What a training writes down as it goes: a record now and then, and all of them in order."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from model.arrays import Array
from model.network.losses import Loss

Metric = Callable[[Array, Array], float]  # of targets (B, outputs) or (B,), and predictions


@dataclass(frozen=True)
class Record:
    """The state after so many epochs, 0 being the start.

    Losses are of the loss itself, without penalties, noise or dropout, both at the same weights;
    with members, their mean. rate, gradient_norm: of the last update, before clipping.
    """

    epoch: int
    step: int
    train_loss: float
    validation_loss: float | None
    metrics: dict[str, float]
    rate: float
    gradient_norm: float | None

    @property
    def monitored(self) -> float:
        """What says which record is best: the validation loss, or without one the training's."""
        return self.train_loss if self.validation_loss is None else self.validation_loss


@dataclass
class History:
    """The records, in order."""

    records: list[Record] = field(default_factory=list)

    @property
    def best(self) -> Record:
        """The record with the lowest monitored loss; the first, of equals."""
        return min(self.records, key=lambda record: record.monitored)

    def column(self, name: str) -> list[Any]:
        """One of the records' fields or metrics, in order."""
        return [{**record.metrics, **asdict(record)}[name] for record in self.records]


def usual_metric(loss: Loss) -> tuple[str, Metric]:
    """What is mostly reported beside a loss: accuracy of labels or classes, R² of numbers."""
    if loss.link == "linear":
        return "r_squared", r_squared
    return "accuracy", accuracy_of_classes if loss.link == "softmax" else accuracy_of_labels


def accuracy_of_labels(targets: Array, predictions: Array) -> float:
    """The share of labels, 0 or 1 each, that a probability above 0.5 tells right."""
    labels = np.reshape(targets, predictions.shape)
    return float(((labels > 0.5) == (predictions > 0.5)).mean())


def accuracy_of_classes(targets: Array, predictions: Array) -> float:
    """The share of rows whose likeliest class is the right one.

    targets: class numbers (B,), or shares (B, classes), of which the largest counts.
    """
    right = np.reshape(targets, (len(predictions), -1))
    classes = right.argmax(axis=1) if right.shape[1] > 1 else right[:, 0]
    return float((classes == predictions.argmax(axis=1)).mean())


def r_squared(targets: Array, predictions: Array) -> float:
    """1 − Σ (y − ŷ)² / Σ (y − mean y)²: 1 is perfect, 0 as good as the mean.

    Where all targets are the same: 1 if met, else 0.
    """
    y = np.reshape(targets, predictions.shape)
    spread, error = np.square(y - y.mean(axis=0)).sum(), np.square(y - predictions).sum()
    return float(1 - error / spread) if spread and (y != y[0]).any() else float(error == 0)
