"""Random partitions: every row once, equal class shares, groups together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import DataError
from model.training.draws import by_folds, by_fraction


@given(st.integers(20, 300), st.floats(0.2, 0.8), st.integers(0, 99))
def test_stratified_fraction(rows: int, fraction: float, seed: int) -> None:
    classes = np.random.default_rng(seed).permutation(np.arange(rows) % 5 == 0)
    train, validation = by_fraction(fraction, classes, None, rows, seed)
    assert sorted([*train, *validation]) == list(range(rows))
    assert (np.diff(train) > 0).all()
    for each in (True, False):
        expected = fraction * (classes == each).sum()
        assert abs((classes[validation] == each).sum() - expected) <= 1
    again = by_fraction(fraction, classes, None, rows, seed)
    assert (again[1] == validation).all()


@given(st.integers(0, 99))
def test_groups_stay_together_and_class_shares_are_similar(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 120, 400).astype(str)
    classes = generator.random(400) < 0.3
    train, validation = by_fraction(0.25, classes, groups, 400, seed)
    assert sorted([*train, *validation]) == list(range(400))
    assert not set(groups[train]) & set(groups[validation])
    assert 0.2 < len(validation) / 400 < 0.3
    assert abs(classes[validation].mean() - classes.mean()) < 0.15


def test_seeds_give_different_splits() -> None:
    splits = {tuple(by_fraction(0.5, None, None, 50, seed)[1]) for seed in range(5)}
    assert len(splits) == 5


def test_single_group_is_rejected() -> None:
    with pytest.raises(DataError, match="leaves one part empty"):
        by_fraction(0.3, None, np.zeros(10), 10, 0)


# Folds

GROUPS_AND_CLASSES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=120
)


@given(GROUPS_AND_CLASSES, st.integers(2, 10), st.integers(0, 99))
def test_folds_keep_groups_together(rows: list[tuple[int, int]], folds: int, seed: int) -> None:
    groups, classes = np.array(rows).T
    count = len(np.unique(groups))
    if folds > count:
        message = f"^folds must be at most the number of groups, {count}, got {folds}$"
        with pytest.raises(DataError, match=message):
            by_folds(folds, classes, groups, len(rows), seed)
        return
    fold = by_folds(folds, classes, groups, len(rows), seed)
    assert fold.shape == (len(rows),)
    assert set(fold.tolist()) == set(range(folds))  # none is empty
    for group in np.unique(groups):
        assert len(set(fold[groups == group].tolist())) == 1
    np.testing.assert_array_equal(fold, by_folds(folds, classes, groups, len(rows), seed))


@given(GROUPS_AND_CLASSES, st.integers(2, 6), st.integers(0, 99))
def test_folds_of_rows_are_stratified(rows: list[tuple[int, int]], folds: int, seed: int) -> None:
    classes = np.repeat(np.array(rows)[:, 1], 6)
    fold = by_folds(folds, classes, None, len(classes), seed)
    for each in np.unique(classes):
        counts = np.bincount(fold[classes == each], minlength=folds)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(by_folds(folds, None, None, len(classes), seed))
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_folds_of_many_groups_are_nearly_stratified(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups, classes = generator.integers(0, 150, 600), generator.random(600) < 0.2
    fold = by_folds(5, classes, groups, 600, seed)
    for each in (True, False):
        shares = np.bincount(fold[classes == each]) / (classes == each).sum()
        assert abs(shares - 0.2).max() < 0.05


def test_seeds_give_different_folds() -> None:
    folds = {tuple(by_folds(5, np.arange(50) % 2, None, 50, seed).tolist()) for seed in range(5)}
    assert len(folds) == 5
