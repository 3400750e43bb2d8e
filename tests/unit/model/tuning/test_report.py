"""Result of a search: the recipe as given and what the search chooses."""

import numpy as np
import pytest

from model.arrays import Array
from model.training.tables.table import Table
from model.tuning.report import summarize
from model.tuning.study import Trial

ROWS = 60
FOLDS = np.arange(ROWS) % 5


def table_of(weights: Array | None = None) -> Table:
    rows = np.arange(float(ROWS))[:, None]
    return Table(rows, rows > 30, None, weights, None, 0)


def trials_of(*losses: Array) -> list[Trial]:
    return [Trial(number, number == 0, {}, each) for number, each in enumerate(losses)]


def test_a_better_trial_is_chosen_and_said_to_be_better() -> None:
    noise = np.random.default_rng(0).uniform(0, 1, ROWS)
    result = summarize(trials_of(noise + 1, noise, noise + 2), table_of(), FOLDS)
    assert result.best == 1
    assert result.is_better
    assert result.selected == pytest.approx(noise.mean())
    assert result.difference == pytest.approx(-1)
    assert result.interval == pytest.approx((-1, -1))


def test_the_recipe_as_given_is_not_better_than_itself() -> None:
    losses = np.random.default_rng(0).uniform(0, 1, ROWS)
    result = summarize(trials_of(losses), table_of(), FOLDS)
    assert (result.best, result.difference, result.is_better) == (0, 0, False)


def test_trials_that_are_noise_are_not_better() -> None:
    generator = np.random.default_rng(1)
    losses = generator.exponential(size=(50, ROWS))
    result = summarize(trials_of(*losses), table_of(), FOLDS)
    assert result.best != 0
    assert result.losses[result.best] < result.losses[0]
    assert result.selected > result.losses[result.best]
    assert not result.is_better


def test_rows_without_weight_do_not_count() -> None:
    weights = np.where(np.arange(ROWS) < 30, 1.0, 0.0)
    worse_there = np.where(np.arange(ROWS) < 30, 2.0, -100.0)
    result = summarize(trials_of(np.ones(ROWS), worse_there), table_of(weights), FOLDS)
    assert result.best == 0
    assert result.losses.tolist() == pytest.approx([1, 2])
