"""Selection of a trial: the loss of the selection is never flattered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.tuning.selection import best_trial, select_without_fold


def drawn(seed: int, trials: int, rows: int, folds: int) -> tuple[Array, Array, Array]:
    """Return losses, folds and weights."""
    generator = np.random.default_rng(seed)
    weights = generator.uniform(0.1, 2, rows)
    return generator.exponential(size=(trials, rows)), np.arange(rows) % folds, weights


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(2, 10))
def test_the_search_is_never_better_than_its_best_trial(seed: int, trials: int, folds: int) -> None:
    losses, assignment, weights = drawn(seed, trials, 40, folds)
    chosen, selected = select_without_fold(losses, assignment, weights)
    best = best_trial(losses, weights)
    assert selected @ weights >= losses[best] @ weights - 1e-9
    assert chosen.shape == (folds,)


def test_each_fold_is_scored_by_the_choice_of_the_others() -> None:
    losses = np.array([[5.0, 1.0, 1.0], [2.0, 3.0, 3.0], [0.0, 9.0, 9.0]])
    chosen, selected = select_without_fold(losses, np.array([0, 1, 2]), np.ones(3))
    # Without fold 0, trial 0 is best; without fold 1 or 2, trial 1 (5 < 6 < 9).
    assert chosen.tolist() == [0, 1, 1]
    assert selected.tolist() == [5.0, 3.0, 3.0]


def test_weights_count() -> None:
    losses = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    assert best_trial(losses, np.ones(3)) == 0
    assert best_trial(losses, np.array([0.1, 1.0, 0.1])) == 1


def test_one_trial_is_its_own_search() -> None:
    losses, folds, weights = drawn(0, 1, 20, 5)
    np.testing.assert_array_equal(select_without_fold(losses, folds, weights)[1], losses[0])


def test_noise_is_not_flattered() -> None:
    """Of 200 trials that predict noise, the best has a loss below that of noise, the search not."""
    generator = np.random.default_rng(0)
    errors, best, rows = [], [], 100
    for _ in range(50):
        labels = generator.random(rows) < 0.5
        p = 1 / (1 + np.exp(-generator.normal(0, 0.3, (200, rows))))
        losses = -np.log(np.where(labels, p, 1 - p))
        expected = losses.mean()
        folds, weights = np.arange(rows) % 5, np.full(rows, 1 / rows)
        errors.append(select_without_fold(losses, folds, weights)[1].mean() - expected)
        best.append(losses.mean(axis=1).min() - expected)
    deviation = np.std(errors) / np.sqrt(len(errors))
    assert max(best) < -0.02
    assert np.mean(errors) == pytest.approx(0, abs=3 * deviation)
