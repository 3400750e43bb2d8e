"""Losses of single rows, from which other scores, differences and intervals follow."""

import numpy as np

from model.arrays import Array
from model.prediction.target import MultiClass, Regression, Target

SMALLEST = float(np.finfo(np.float64).eps)


def row_losses(target: Target, truth: Array, predictions: Array) -> Array:
    """Return the loss of each row, `(B,)`.

    The loss is −log of the predicted probability of the true class, averaged over labels. For a
    regression it is the squared error, averaged over the outputs.

    Args:
        target: The kind of target.
        truth: Targets, `(B, columns)`.
        predictions: Predictions, `(B, outputs)`.
    """
    if isinstance(target, Regression):
        return np.asarray(np.square(predictions - truth).mean(axis=1))
    if isinstance(target, MultiClass):
        given = np.take_along_axis(predictions, truth, axis=1)
    else:
        given = np.where(truth, predictions, 1 - predictions)
    return np.asarray(-np.log(np.clip(given, SMALLEST, 1)).mean(axis=1))


def relative_losses(target: Target, truth: Array, predictions: Array) -> Array:
    """Return a loss of each row by which rows are ranked, `(B,)`.

    It is that of `row_losses`, but for a regression the largest absolute error of the outputs, each
    divided by the output's mean absolute error.

    Args:
        target: The kind of target.
        truth: Targets, `(B, columns)`.
        predictions: Predictions, `(B, outputs)`.
    """
    if not isinstance(target, Regression):
        return row_losses(target, truth, predictions)
    errors = np.abs(predictions - truth)
    return np.asarray((errors / np.maximum(errors.mean(axis=0), 1e-300)).max(axis=1))


def overall_loss(target: Target, losses: Array) -> Array:
    """Return the log loss, or the root mean squared error, of rows with these losses.

    Args:
        target: The kind of target.
        losses: Losses of rows, `(B, ...)`, from `row_losses`.
    """
    mean = losses.mean(axis=0)
    return np.asarray(np.sqrt(mean) if isinstance(target, Regression) else mean)


def loss_name(target: Target) -> str:
    """Return the name of `overall_loss`."""
    return "root_mean_squared_error" if isinstance(target, Regression) else "log_loss"
