"""The search: what is cross-validated, how it ends, and what it leaves in the study."""

import signal
import time
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.pipelines.cross_validate import cross_validate, draw_folds
from model.training.recipes.recipe import Recipe, load_recipe, override
from model.training.tables.partitions import read_table
from model.training.tables.table import Table
from model.tuning.row_losses import row_losses
from model.tuning.search import Ended, identity, row_weights, search
from model.tuning.space import Space, Values, search_space
from model.tuning.study import Trial

OTHER = {"training.learning_rate": 0.05, "network.units": 4}


class FakeStudy:
    """A study that proposes the recipe as given, then other values until a trial fails."""

    def __init__(self, space: Space, values: Values | None = None) -> None:
        self.values = {**space.own(), **(values or {})}
        self.own = space.own()
        self.opened = 0
        self.failed: list[int] = []
        self.complete_ones: list[Trial] = []

    def open_trial(self) -> tuple[int, bool, Values]:
        self.opened += 1
        is_own = self.opened == 1
        return self.opened - 1, is_own, self.own if is_own else self.values

    def complete(self, number: int, losses: Array, mean: float) -> None:
        assert mean == pytest.approx(losses.mean())
        self.complete_ones.append(Trial(number, number == 0, self.values, losses))

    def fail(self, number: int) -> None:
        self.failed.append(number)
        self.values = self.own

    def trials(self) -> list[Trial]:
        return self.complete_ones


@pytest.fixture
def recipe() -> Recipe:
    return override(load_recipe("xor"), {"training": {"epochs": 2}})


@pytest.fixture
def table(recipe: Recipe) -> Table:
    return read_table(recipe)


@pytest.fixture
def folds(recipe: Recipe, table: Table) -> Array:
    [found] = draw_folds(recipe.schema.target, table, 3, 1)
    return found


def run(recipe: Recipe, table: Table, folds: Array, study: FakeStudy, **options: Any) -> Ended:
    space = search_space(recipe, len(table.rows))
    options = {"seconds": 600.0, **options}
    return search(recipe, table, folds, space, study, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("jobs", [1, 2])
def test_trials_are_cross_validated(recipe: Recipe, table: Table, folds: Array, jobs: int) -> None:
    space = search_space(recipe, len(table.rows))
    study = FakeStudy(space, OTHER)
    seen: list[float] = []
    ended = run(recipe, table, folds, study, trials=2, jobs=jobs, watch=seen.append)
    assert (ended.failures, ended.interrupted, study.failed) == ([], False, [])
    target, variance = recipe.schema.target, table.targets.astype(float).var(axis=0)
    for trial in study.trials():
        tuned = override(recipe, space.overrides(study.values))
        [found] = cross_validate(recipe if trial.is_own else tuned, table, [folds])
        expected = row_losses(target, table.targets, found.scored.predictions, variance)
        np.testing.assert_array_equal(trial.losses, expected)
    means = sorted(trial.losses.mean() for trial in study.trials())
    assert sorted(seen) == pytest.approx(means)
    assert len(study.trials()) == 2


def test_the_time_ends_a_training(recipe: Recipe, table: Table, folds: Array) -> None:
    endless = override(recipe, {"training": {"epochs": 10**7}})
    study = FakeStudy(search_space(endless, len(table.rows)))
    start = time.monotonic()
    ended = run(endless, table, folds, study, seconds=0.5)
    assert time.monotonic() - start < 60
    assert not ended.interrupted
    assert study.trials() == []
    assert study.failed == [0]


def test_ctrl_c_ends_a_training(recipe: Recipe, table: Table, folds: Array) -> None:
    endless = override(recipe, {"training": {"epochs": 10**7}})
    study = FakeStudy(search_space(recipe, len(table.rows)))
    before = signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        ended = run(endless, table, folds, study)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended.interrupted
    assert study.failed == [0]


def test_a_training_that_fails_does_not_end_the_search(
    recipe: Recipe, table: Table, folds: Array
) -> None:
    study = FakeStudy(search_space(recipe, len(table.rows)), {"training.learning_rate": 1e300})
    ended = run(recipe, table, folds, study, trials=2)
    assert study.failed == [1]
    [failure] = ended.failures
    assert "learning rate" in failure
    assert [trial.number for trial in study.trials()] == [0, 2]


def test_trials_that_are_there_count(recipe: Recipe, table: Table, folds: Array) -> None:
    study = FakeStudy(search_space(recipe, len(table.rows)))
    run(recipe, table, folds, study, trials=1)
    run(recipe, table, folds, study, trials=1)
    assert study.opened == 1


def test_identity_is_that_of_recipe_rows_and_folds(
    recipe: Recipe, table: Table, folds: Array
) -> None:
    same = identity(recipe, table, folds)
    assert identity(override(recipe, {}), read_table(recipe), folds.copy()) == same
    other_folds = identity(recipe, table, folds[::-1])
    other_rows = identity(recipe, table.take(np.arange(len(folds))[::-1]), folds)
    other_recipe = identity(override(recipe, {"training": {"epochs": 3}}), table, folds)
    assert len({same, other_folds, other_rows, other_recipe}) == 4


def test_weights_add_up_to_one(table: Table) -> None:
    assert row_weights(table).sum() == pytest.approx(1)
