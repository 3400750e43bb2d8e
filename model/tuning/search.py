"""The search: cross-validate one trial after the other until the time is over."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import MalignancyError
from model.parallel.opening import open_pool
from model.pipelines.cross_validate import fit_table
from model.training.fitting.history import Record
from model.training.fitting.interrupts import Interrupt, deferred_interrupt
from model.training.recipes.recipe import Recipe, override
from model.training.tables.table import Table
from model.tuning.row_losses import row_losses
from model.tuning.space import Space
from model.tuning.study import Study

Watch = Callable[[float], None]


@dataclass(frozen=True)
class Ended:
    """How a search ended.

    Attributes:
        failures: Error texts of the trials whose training failed.
        interrupted: Whether Ctrl-C ended the search.
    """

    failures: list[str]
    interrupted: bool


def identity(recipe: Recipe, table: Table, folds: Array) -> str:
    """Return a digest of all that the losses of a search depend on.

    Args:
        recipe: The recipe as given.
        table: Table of N rows.
        folds: Fold of each row, `(N,)`.
    """
    digest = hashlib.sha256(json.dumps(recipe.facts["recipe"], sort_keys=True).encode())
    for array in (table.rows, table.targets.astype(float), row_weights(table), folds):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def row_weights(table: Table) -> Array:
    """Return the weight of each row in the figures; equal ones without data.weight.

    Args:
        table: Table of N rows.

    Returns:
        `(N,)`; the sum is 1.
    """
    weights = np.ones(len(table.rows)) if table.weights is None else table.weights
    return np.asarray(weights / weights.sum())


def search(
    recipe: Recipe,
    table: Table,
    folds: Array,
    space: Space,
    study: Study,
    *,
    seconds: float,
    trials: int | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    watch: Watch | None = None,
) -> Ended:
    """Cross-validate trials, and record them in the study.

    The processes train the folds of several trials at the same time. When the time is over, or
    after Ctrl-C, each training ends after its step, and trials without all folds are left out.

    Args:
        recipe: The recipe as given.
        table: Table of N rows.
        folds: Fold of each row, from 0, `(N,)`.
        space: The search space.
        study: The trials so far.
        seconds: The time, in seconds.
        trials: Number of trials with a result at which the search ends, those so far included.
        jobs: Number of processes.
        cluster: Address of a Dask scheduler, whose workers are used instead; the table is sent to
            each once.
        watch: Called with the trial's mean loss after each trial.

    Returns:
        How the search ended.
    """
    end = time.time() + seconds
    # Trainings in this process end after their step; other processes are stopped at once.
    is_alone = jobs == 1 and cluster is None
    deferred = deferred_interrupt() if is_alone else nullcontext(Interrupt())
    with open_pool(jobs, cluster) as pool, deferred as interrupt:
        run = _Run(recipe, table, folds, space, study, end, trials, interrupt)
        # The interrupt is seen by trainings in this process only; others get a copy.
        shared = pool.share((table, folds, end, interrupt if pool.is_here else Interrupt()))
        results: Any = pool.run(_fold, run.tasks(), shared, ahead=1)  # a generator
        try:
            for _, result in results:
                with deferred_interrupt() as pressed:  # the journal gets whole entries
                    loss = run.take(*result)
                    if loss is not None and watch is not None:
                        watch(loss)
                if interrupt or pressed:
                    interrupt.pressed = True
                    break
        except KeyboardInterrupt:
            interrupt.pressed = True
        finally:
            results.close()
            run.close()
    return Ended(run.failures, interrupt.pressed)


@dataclass
class _Open:
    """A trial that is being cross-validated; its losses are NaN where a fold is missing."""

    recipe: Recipe
    losses: Array
    failed: bool = False


class _Run:
    """The open trials of a search, and the tasks that complete them."""

    def __init__(
        self,
        recipe: Recipe,
        table: Table,
        folds: Array,
        space: Space,
        study: Study,
        end: float,
        most: int | None,
        interrupt: Interrupt,
    ) -> None:
        self._recipe, self._table, self._folds, self._space = recipe, table, folds, space
        self._study, self._end, self._most, self._interrupt = study, end, most, interrupt
        self._weights = row_weights(table)
        self._completed = len(study.trials())
        self._open: dict[int, _Open] = {}
        self.failures: list[str] = []

    def tasks(self) -> Iterator[tuple[int, int, Recipe]]:
        """Yield the folds of one trial after the other, as the pool has workers for them.

        Trials are thus proposed as late as possible, when most of the others are known.
        """
        while self._is_wanted():
            number, is_own, values = self._study.open_trial()
            self._open[number] = trial = _Open(
                self._recipe if is_own else override(self._recipe, self._space.overrides(values)),
                np.full(len(self._folds), np.nan),
            )
            for fold in range(int(self._folds.max()) + 1):
                if trial.failed:
                    break
                yield number, fold, trial.recipe

    def take(self, number: int, fold: int, found: Array | str | None) -> float | None:
        """Take the result of a fold; return the mean loss of a trial that it completes.

        Args:
            number: Number of the trial.
            fold: The fold.
            found: Loss of each row of the fold; the text of an error; None if the time is over.
        """
        trial = self._open.get(number)
        if trial is None or found is None:
            return None
        if isinstance(found, str):
            trial.failed = True
            self.failures.append(found)
            del self._open[number]
            self._study.fail(number)
            return None
        trial.losses[self._folds == fold] = found
        if np.isnan(trial.losses).any():
            return None
        del self._open[number]
        mean = float(trial.losses @ self._weights)
        self._completed += 1
        self._study.complete(number, trial.losses, mean)
        return mean

    def close(self) -> None:
        """Close the trials that lack a fold."""
        for number in self._open:
            self._study.fail(number)

    def _is_wanted(self) -> bool:
        """Return whether there is time for another trial, and a use."""
        has_use = self._most is None or self._completed + len(self._open) < self._most
        return has_use and time.time() < self._end and not self._interrupt


class _OutOfTime(Exception):
    """The time of the search is over."""


def _fold(
    shared: tuple[Table, Array, float, Interrupt], task: tuple[int, int, Recipe]
) -> tuple[int, int, Array | str | None]:
    """Train without the rows of a fold; return their losses, as `_Run.take` takes them.

    The time is that of the clock, which the machines of a cluster share. In another process the
    interrupt is a copy, and Ctrl-C raises KeyboardInterrupt.
    """
    table, folds, end, interrupt = shared
    number, fold, recipe = task
    held = folds == fold

    def watch(_done: float, _record: Record) -> bool:
        if interrupt or time.time() > end:
            raise _OutOfTime
        return False

    held_out = table.take(held)
    try:
        predictions = fit_table(recipe, table.take(~held), watch).predict(held_out.rows)
    except _OutOfTime:
        return number, fold, None
    except MalignancyError as error:
        return number, fold, str(error)
    variance = np.var(table.targets.astype(float), axis=0)
    losses = row_losses(recipe.schema.target, held_out.targets, predictions, variance)
    if not np.isfinite(losses).all():
        return number, fold, "a prediction is too large for its squared error"
    return number, fold, losses
