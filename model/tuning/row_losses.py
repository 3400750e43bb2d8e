"""The loss of each row, which a search minimizes."""

import numpy as np

from model.arrays import Array
from model.prediction.target import Binary, MultiClass, MultiLabel, Target

CLIP = np.finfo(np.float64).eps  # of a probability


def loss_name(target: Target) -> str:
    """Return what `row_losses` computes for a target, such as "log-loss"."""
    if isinstance(target, Binary | MultiClass | MultiLabel):
        return "log-loss"
    return "squared error / variance"


def row_losses(target: Target, truth: Array, predictions: Array, variance: Array) -> Array:
    """Return the loss of each row.

    The log-loss in nats, of several labels their mean. Of numbers the squared error divided by the
    variance, the mean over the outputs: 1 for the mean of the targets, 1 − R² in general.

    Args:
        target: The kind of target.
        truth: Targets, `(N, columns)`.
        predictions: Predictions, `(N, outputs)`.
        variance: Variance of each column of the targets, `(columns,)`; for numbers.

    Returns:
        `(N,)`.
    """
    if isinstance(target, MultiClass):
        p = np.take_along_axis(predictions, truth[:, :1].astype(int), axis=1)
    elif isinstance(target, Binary | MultiLabel):
        p = np.where(truth, predictions, 1 - predictions)
    else:
        safe = np.where(variance > 0, variance, 1.0)
        return np.asarray((np.square(predictions - truth) / safe).mean(axis=1))
    return np.asarray(-np.log(np.clip(p, CLIP, 1)).mean(axis=1))
