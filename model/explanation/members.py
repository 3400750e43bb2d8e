"""Agreement of the members of an ensemble about one row."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.prediction.predictor import Predictor
from model.prediction.target import MultiClass, Regression, Target

RANGE: Final = (0.05, 0.95)


@dataclass(frozen=True)
class Members:
    """What the members of an ensemble predict alone.

    Attributes:
        low: 5 % quantile of their predictions, `(outputs,)`.
        high: 95 % quantile, `(outputs,)`.
        agreement: Share of the members with the ensemble's labels; None for numbers.
    """

    low: Array
    high: Array
    agreement: float | None


def members_of(predictor: Predictor, inputs: Array, threshold: float) -> Members | None:
    """Return the predictions of the members for one row; None for a single network.

    Args:
        predictor: The model.
        inputs: The inputs of the row, `(1, I)`.
        threshold: Decision threshold; NaN if the model has none.
    """
    alone = predictor.predict_members(inputs)[:, 0]
    if len(alone) == 1:
        return None
    low, high = np.quantile(alone, RANGE, axis=0)
    target = predictor.schema.target
    if isinstance(target, Regression):
        return Members(low, high, None)
    together = _labels(target, predictor.predict_inputs(inputs), threshold)
    agree = (_labels(target, alone, threshold) == together).all(axis=1)
    return Members(low, high, float(agree.mean()))


def _labels(target: Target, predictions: Array, threshold: float) -> Array:
    """Return the labels of predictions as numbers, `(B, columns)`."""
    if isinstance(target, MultiClass):
        return np.asarray(predictions.argmax(axis=1)[:, np.newaxis])
    return np.asarray(predictions > threshold)
