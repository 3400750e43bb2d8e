"""Conformal sets and intervals: coverage, and the rules of their members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.explanation.conformal import conformal
from model.explanation.held_out import HeldOutRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression

BINARY = Binary(negative="no", positive="yes")
CLASSES = MultiClass(classes=("a", "b", "c"))


def binary_rows(count: int, seed: int) -> HeldOutRows:
    """Rows whose probabilities are right on average, but not very good."""
    generator = np.random.default_rng(seed)
    p = generator.beta(0.6, 1.2, (count, 1))
    return HeldOutRows("validation", generator.random((count, 1)) < p, p)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_sets_cover_each_label_at_the_level(level: float) -> None:
    covered = {False: 0, True: 0}
    total = {False: 0, True: 0}
    for seed in range(200):
        rows, others = binary_rows(200, seed), binary_rows(20, 1000 + seed)
        sets = conformal(BINARY, rows, level).sets(others.predictions)
        for truth, (found,) in zip(others.targets[:, 0].tolist(), sets, strict=True):
            total[truth] += 1
            covered[truth] += ("yes" if truth else "no") in found
    for truth in (False, True):
        share, error = covered[truth] / total[truth], np.sqrt(level * (1 - level) / total[truth])
        # Rows of one round share their limits, so the error is larger than a binomial one.
        assert share >= level - 6 * error
        if level == 0.9:
            assert share <= level + 0.05


@given(
    p=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    seed=st.integers(0, 100),
    count=st.sampled_from([4, 12, 50]),
    levels=st.tuples(st.floats(0.05, 0.99), st.floats(0.05, 0.99)),
    target=st.sampled_from([BINARY, CLASSES]),
)
def test_sets_are_never_empty_and_grow_with_the_level(
    p: list[float],
    seed: int,
    count: int,
    levels: tuple[float, float],
    target: Binary | MultiClass,
) -> None:
    generator = np.random.default_rng(seed)
    predictions = generator.dirichlet((1, 1, 1), count).round(2)
    classes = np.array([[generator.choice(3, p=row / row.sum())] for row in predictions])
    row = np.array([p]) / max(sum(p), 1e-9)
    if target is BINARY:
        predictions, classes, row = predictions[:, :1], classes == 0, np.array([p[:1]])
    rows = HeldOutRows("validation", classes, predictions)
    low, high = (conformal(target, rows, level).sets(row)[0][0] for level in sorted(levels))
    assert low
    assert set(low) <= set(high)


@given(p=st.floats(0, 1), others=st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_a_row_that_equals_one_within_the_limit_has_its_label(
    p: float, others: list[float]
) -> None:
    is_yes = np.array([[False]] * 9 + [[True]] * 9)
    predictions = np.array([p, *others, p, *others])[:, np.newaxis]
    rows = HeldOutRows("validation", is_yes, predictions)
    found = conformal(BINARY, rows, 0.9)
    ((row,),) = found.sets(np.array([[p]]))
    assert row == ["no", "yes"]  # the largest of 9 scores is within the limit at 90 %
    assert found.too_few == []


def test_too_few_rows_of_a_label_put_it_in_every_set() -> None:
    targets = np.array([[False]] * 99 + [[True]] * 5)
    rows = HeldOutRows("validation", targets, np.where(targets, 0.9, 0.1))
    sets = conformal(BINARY, rows, 0.9).sets(np.array([[0.001], [0.99]]))
    assert sets == [[["no", "yes"]], [["yes"]]]
    assert conformal(BINARY, rows, 0.9).too_few == ["yes"]
    assert conformal(BINARY, rows, 0.8).too_few == []


def test_multi_label_sets_are_those_of_each_label() -> None:
    target = MultiLabel(labels=("fever", "cough"))
    truth = np.tile([[True, False], [False, True]], (50, 1))
    rows = HeldOutRows("validation", truth, np.where(truth, 0.8, 0.2))
    sets = conformal(target, rows, 0.9).sets(np.array([[0.9, 0.1], [0.5, 0.8]]))
    assert sets == [[["present"], ["absent"]], [["absent"], ["present"]]]


def test_intervals_of_numbers_have_the_width_of_errors() -> None:
    errors = np.arange(1, 20)[:, np.newaxis]
    rows = HeldOutRows("validation", errors + 5.0, np.full((19, 1), 5.0))
    found = conformal(Regression(outputs=("y",)), rows, 0.9)
    assert found.intervals(np.array([[3.0]])).tolist() == [[[-15, 21]]]
    positive = conformal(Regression(task="non_negative", outputs=("y",)), rows, 0.9)
    assert positive.intervals(np.array([[3.0]])).tolist() == [[[0, 21]]]
    assert found.too_few == []
    few = conformal(Regression(outputs=("y",)), rows, 0.99)
    assert few.too_few == ["y"]
    assert few.intervals(np.array([[3.0]])).tolist() == [[[-np.inf, np.inf]]]
