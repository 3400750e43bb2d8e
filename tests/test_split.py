"""Splits: nothing is lost or doubled, classes keep their shares, groups stay together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import DataError
from model.training.split import by_fraction, by_values


def test_by_values() -> None:
    parts = by_values(np.array(["a", "b", "a", "c"]), "a")
    assert parts.validation.tolist() == [0, 2]
    assert parts.train.tolist() == [1, 3]
    with pytest.raises(DataError, match="no row has the value 'x'"):
        by_values(np.array(["a"]), "x")


@given(st.integers(20, 300), st.floats(0.2, 0.8), st.integers(0, 99))
def test_a_stratified_fraction(rows: int, fraction: float, seed: int) -> None:
    classes = np.random.default_rng(seed).permutation(np.arange(rows) % 5 == 0)
    parts = by_fraction(fraction, classes, None, rows, seed)
    assert sorted([*parts.train, *parts.validation]) == list(range(rows))
    assert (np.diff(parts.train) > 0).all()
    for each in (True, False):
        wanted = fraction * (classes == each).sum()
        assert abs((classes[parts.validation] == each).sum() - wanted) <= 1
    again = by_fraction(fraction, classes, None, rows, seed)
    assert (again.validation == parts.validation).all()


@given(st.integers(0, 99))
def test_groups_stay_together_and_classes_keep_about_their_shares(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 120, 400).astype(str)
    classes = generator.random(400) < 0.3
    parts = by_fraction(0.25, classes, groups, 400, seed)
    assert sorted([*parts.train, *parts.validation]) == list(range(400))
    assert not set(groups[parts.train]) & set(groups[parts.validation])
    assert 0.2 < len(parts.validation) / 400 < 0.3
    assert abs(classes[parts.validation].mean() - classes.mean()) < 0.15


def test_another_seed_is_another_split() -> None:
    splits = {tuple(by_fraction(0.5, None, None, 50, seed).validation) for seed in range(5)}
    assert len(splits) == 5


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(DataError, match="leaves one part empty"):
        by_fraction(0.3, None, np.zeros(10), 10, 0)
