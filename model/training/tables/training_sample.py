"""Choice of the training rows that a model keeps for its explanations."""

from typing import Final

import numpy as np

from model.arrays import Array
from model.prediction.target import MultiLabel, Regression, Target
from model.prediction.training_sample import TrainingSample
from model.training.tables.table import Table

MAX_NUMBERS: Final = 2**18  # 2 MiB of features in the artifact
STRATA: Final = 10  # of a regression's target


def draw_training_sample(
    table: Table, target: Target, rows: int, seed: int
) -> TrainingSample | None:
    """Draw training rows, at most one of each group, evenly over the classes.

    Args:
        table: The training rows, B of them.
        target: The model's target.
        rows: Largest number of rows to draw.
        seed: Seed of the draw.

    Returns:
        The rows; None if `rows` is 0.
    """
    rows = min(rows, MAX_NUMBERS // table.rows.shape[1])
    if not rows:
        return None
    order = np.random.default_rng(seed).permutation(len(table.rows))
    _, first = np.unique(table.group_numbers()[order], return_index=True)
    order = order[np.sort(first)]
    strata = _strata(table.targets[order, 0], target)
    kept = order[np.argsort(_places(strata), kind="stable")][:rows]
    return TrainingSample(table.rows[kept], table.targets[kept])


def _strata(values: Array, target: Target) -> Array:
    """Return the stratum of each value `(B,)`: its class, or the tenth of numbers that it is in."""
    if isinstance(target, MultiLabel):
        return np.zeros(len(values), dtype=int)
    if isinstance(target, Regression):
        return np.argsort(np.argsort(values, kind="stable"), kind="stable") * STRATA // len(values)
    return values.astype(int)


def _places(strata: Array) -> Array:
    """Return each row's place within its stratum, from 0 for the first to 1 beyond the last."""
    _, number, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    by_stratum = np.argsort(number, kind="stable")
    starts = np.cumsum(sizes) - sizes
    places = np.empty(len(strata))
    places[by_stratum] = np.arange(len(strata)) - np.repeat(starts, sizes)
    return np.asarray((places + 0.5) / sizes[number])
