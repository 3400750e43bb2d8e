"""Which features were missing in each row, told in its answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.arrays import Array


def add_imputed_fields(
    answers: Sequence[dict[str, Any]], missing: Array, names: Sequence[str]
) -> None:
    """Add to each row's answer the names that were missing, if any were.

    missing: (N, 2) row and column of each missing value, in order.
    """
    if not len(missing):
        return
    rows, starts = np.unique(missing[:, 0], return_index=True)
    columns = missing[:, 1].tolist()
    ends = [*starts[1:].tolist(), len(columns)]
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends, strict=True):
        answers[row]["imputed"] = [names[column] for column in columns[start:end]]
