"""Bagging: bags of whole groups, and means of out-of-bag predictions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.bagging import draw_bags, fold_bags, out_of_bag


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=60),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_bags_contain_whole_groups(given_groups: list[int], members: int, seed: int) -> None:
    groups = np.unique(given_groups, return_inverse=True)[1]
    bags = draw_bags(groups, members, np.random.default_rng(seed))
    assert bags.shape == (members, len(groups))
    assert bags.dtype == np.float64
    _, first = np.unique(groups, return_index=True)
    np.testing.assert_array_equal(bags, bags[:, first][:, groups])  # equal counts within a group
    assert (bags[:, first].sum(axis=1) == len(first)).all()
    assert (bags == np.rint(bags)).all()


@pytest.mark.parametrize("rows_each", [1, 3])
def test_share_out_of_bag_is_about_one_over_e(rows_each: int) -> None:
    groups = np.repeat(np.arange(2000), rows_each)
    bags = draw_bags(groups, 20, np.random.default_rng(0))
    # (1 − 1/2000)²⁰⁰⁰ = 0.3678; the standard deviation of the mean of 20 draws is 0.0015.
    assert (bags == 0).mean() == pytest.approx(math.exp(-1), abs=0.006)


def test_bags_differ_between_members_and_seeds() -> None:
    groups = np.arange(50)
    one, other = (draw_bags(groups, 3, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(one, draw_bags(groups, 3, np.random.default_rng(0)))
    assert len({bag.tobytes() for bag in (*one, *other)}) == 6


def test_each_fold_is_left_out_in_turn() -> None:
    assignments = [np.array([0, 1, 2, 0]), np.array([2, 2, 1, 0])]
    bags = fold_bags(assignments, 5)
    expected = [[0, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0], [1, 1, 0, 1]]
    assert bags.tolist() == expected
    assert bags.dtype == np.float64


def test_means_match_precomputed_values() -> None:
    bags = np.array([[0.0, 1, 2, 0], [0, 0, 1, 1], [3, 0, 1, 0]])
    first = np.array([[1.0, 10], [2, 20], [3, 30], [4, 40]])
    predictions = np.stack([first, first + 100, first + 200])
    means, known = out_of_bag(predictions, bags)
    assert known.tolist() == [True, True, False, True]
    expected = [[51, 60], [152, 170], [math.nan, math.nan], [104, 140]]
    np.testing.assert_array_equal(means, expected)


def test_single_group_is_never_out_of_bag() -> None:
    bags = draw_bags(np.zeros(4, int), 3, np.random.default_rng(0))
    means, known = out_of_bag(np.ones((3, 4, 2)), bags)
    assert not known.any()
    assert np.isnan(means).all()
