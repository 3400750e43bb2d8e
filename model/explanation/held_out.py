"""Rows whose predictions come from networks that were not trained on them."""

from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.prediction.predictor import Predictor


@dataclass(frozen=True)
class HeldOutRows:
    """Targets and predictions of held-out rows, one row of each group.

    Attributes:
        source: "out-of-bag" or "validation".
        targets: `(B, columns)`, of the target's dtype.
        predictions: `(B, outputs)`, calibrated.
    """

    source: str
    targets: Array
    predictions: Array


def held_out_rows(predictor: Predictor) -> HeldOutRows:
    """Return the out-of-bag rows of a bagged ensemble, else the validation rows.

    Rows of one group are alike, so they would count several times: only the first is taken.

    Args:
        predictor: The model.
    """
    source, rows = "validation", predictor.validation
    if predictor.out_of_bag is not None:
        source, rows = "out-of-bag", predictor.out_of_bag
    _, first = np.unique(rows.groups, return_index=True)
    return HeldOutRows(source, rows.targets[first], rows.predictions[first])
