"""The training rows that a model keeps: one a group, the classes in their shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target
from model.training.tables.table import Table
from model.training.tables.training_sample import MAX_NUMBERS, draw_training_sample

BINARY = Binary(negative="no", positive="yes")


def table(targets: Array, groups: Array | None = None, features: int = 1) -> Table:
    """A table whose first feature is the row's number."""
    rows = np.repeat(np.arange(len(targets), dtype=float)[:, np.newaxis], features, axis=1)
    return Table(rows, targets.reshape(len(targets), -1), groups, None, None, 0)


@given(
    groups=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    rows=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_sample_has_at_most_one_row_of_a_group(groups: list[int], rows: int, seed: int) -> None:
    targets = np.arange(len(groups)) % 2 == 0
    sample = draw_training_sample(table(targets, np.array(groups, str)), BINARY, rows, seed)
    assert sample is not None
    numbers = sample.rows[:, 0].astype(int)
    found = [groups[number] for number in numbers]
    assert len(set(found)) == len(found) == min(rows, len(set(groups)))
    assert (sample.targets[:, 0] == targets[numbers]).all()


@given(counts=st.lists(st.integers(1, 50), min_size=2, max_size=5), first=st.integers(1, 100))
def test_first_rows_have_the_shares_of_the_classes(counts: list[int], first: int) -> None:
    targets = np.repeat(np.arange(len(counts)), counts)
    target = MultiClass(classes=tuple("abcdefg"[: len(counts)]))
    sample = draw_training_sample(table(targets), target, sum(counts), 0)
    assert sample is not None
    taken = np.bincount(sample.targets[:first, 0], minlength=len(counts))
    expected = np.array(counts) / sum(counts) * min(first, sum(counts))
    assert (np.abs(taken - expected) < len(counts)).all()


def test_first_rows_of_a_regression_are_spread_over_its_targets() -> None:
    values = np.random.default_rng(1).lognormal(size=1000)
    sample = draw_training_sample(table(values), Regression(outputs=("y",)), 1000, 0)
    assert sample is not None
    places = np.searchsorted(np.sort(values), sample.targets[:100, 0])
    assert (np.bincount(places // 100, minlength=10) == 10).all()


@pytest.mark.parametrize("target", [BINARY, MultiLabel(labels=("a", "b"))])
def test_sample_is_drawn_by_the_seed(target: Target) -> None:
    targets = np.zeros((200, len(target.names)), dtype=bool)
    draws = [draw_training_sample(table(targets), target, 200, seed) for seed in (1, 1, 2)]
    one, same, other = (draw.rows[:, 0].tolist() for draw in draws if draw is not None)
    assert one == same != other


def test_sample_is_bounded_in_size_and_may_be_left_out() -> None:
    wide = table(np.zeros(60, dtype=bool), features=MAX_NUMBERS // 50)
    sample = draw_training_sample(wide, BINARY, 1000, 0)
    assert sample is not None
    assert len(sample.rows) == 50
    assert draw_training_sample(wide, BINARY, 0, 0) is None
