"""Reference rows, with which a Shapley value compares a row.

An attribution answers "why is this prediction not the reference's?", so a reference is part of it.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.predictor import Predictor
from model.prediction.target import Binary
from model.prediction.training_sample import REFERENCE_ROWS

REFERENCES: Final = ("training", "negative", "positive", "typical")


@dataclass(frozen=True)
class Reference:
    """Reference rows.

    Attributes:
        name: One of `REFERENCES`, or the caller's.
        inputs: The encoded rows, `(R, I)`.
    """

    name: str
    inputs: Array


def reference_of(predictor: Predictor, name: str) -> Reference:
    """Return reference rows of a model.

    Args:
        predictor: The model.
        name: "training" for rows with the training rows' shares of the classes; "negative" or
            "positive" for training rows of a binary target's label; "typical" for one row, of the
            values that replace missing ones.

    Raises:
        DataError: The model has no such rows; the text says why.
    """
    if name not in REFERENCES:
        raise DataError(f"must be one of {', '.join(REFERENCES)}")
    if name == "typical":
        return Reference(name, predictor.encode(predictor.encoder.fill[np.newaxis]))
    sample, target = predictor.sample, predictor.schema.target
    if sample is None:
        raise DataError("must be typical: this model keeps no training rows")
    rows = sample.rows
    if name != "training":
        if not isinstance(target, Binary):
            raise DataError("must be training or typical: this model has no negative and positive")
        rows = rows[sample.targets[:, 0] == (name == "positive")]
        if not len(rows):
            raise DataError("must be training or typical: the model keeps no row of this label")
    return Reference(name, predictor.encode(rows[:REFERENCE_ROWS]))


def references_of(predictor: Predictor) -> list[str]:
    """Return the names of the reference rows that a model has, the usual one first.

    Args:
        predictor: The model.
    """
    found = []
    for name in REFERENCES:
        with suppress(DataError):
            found.append(reference_of(predictor, name).name)
    return found
