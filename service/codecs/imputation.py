"""Add the names of imputed features to answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.arrays import Array


def add_imputed_fields(
    answers: Sequence[dict[str, Any]], missing: Array, names: Sequence[str]
) -> None:
    """Add the field `imputed` to the answers of rows with missing values.

    Args:
        answers: The answer of each row; changed in place.
        missing: `(N, 2)` int, row and column of each missing value, sorted.
        names: The names of the columns.
    """
    if not len(missing):
        return
    rows, starts = np.unique(missing[:, 0], return_index=True)
    columns = missing[:, 1].tolist()
    ends = [*starts[1:].tolist(), len(columns)]
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends, strict=True):
        answers[row]["imputed"] = [names[column] for column in columns[start:end]]
