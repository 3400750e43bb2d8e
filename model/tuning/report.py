"""The result of a search: the recipe as given and the best trial, with honest losses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.evaluation.intervals import grouped_bootstrap
from model.training.tables.table import Table
from model.tuning.search import row_weights
from model.tuning.selection import best_trial, select_without_fold
from model.tuning.study import Trial


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a search. Losses are means over all rows, out of fold.

    Attributes:
        trials: The trials, the recipe as given first.
        losses: Loss of each trial.
        best: Index of the trial with the lowest loss.
        selected: Loss of the search: of the trial that is best without the fold it is scored on.
        difference: `selected` minus the loss of the recipe as given.
        interval: 95 % bootstrap interval of the difference, over groups; None with one group only.
        choices: Number of different trials that were chosen when a fold had no say.
    """

    trials: Sequence[Trial]
    losses: Array
    best: int
    selected: float
    difference: float
    interval: tuple[float, float] | None
    choices: int

    @property
    def is_better(self) -> bool:
        """Whether the interval says that the search found a better recipe."""
        return self.interval is not None and self.interval[1] < 0


def summarize(trials: Sequence[Trial], table: Table, folds: Array) -> Result:
    """Compare the recipe as given with what a search chooses.

    Args:
        trials: Trials with a result, the recipe as given first.
        table: Table of N rows.
        folds: Fold of each row, from 0, `(N,)`.
    """
    weights, losses = row_weights(table), np.stack([trial.losses for trial in trials])
    chosen, selected = select_without_fold(losses, folds, weights)

    def difference(each: Array, weight: Array) -> dict[str, float]:
        return {"difference": float(each @ weight / weight.sum())}

    gains = selected - losses[0]
    interval = grouped_bootstrap(difference, gains, weights, table.group_numbers())["difference"]
    return Result(
        trials=trials,
        losses=losses @ weights,
        best=best_trial(losses, weights),
        selected=float(selected @ weights),
        difference=float(gains @ weights),
        interval=interval,
        choices=len(set(chosen.tolist())),
    )
