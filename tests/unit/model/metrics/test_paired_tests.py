"""Tests of model.metrics.paired_tests: exact p-values, coverage and limits of the bootstrap."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.metrics import paired_tests
from model.metrics.paired_tests import MIN_GROUPS, mcnemar_exact, paired_bootstrap


@given(st.integers(0, 60), st.integers(0, 60))
def test_p_is_the_sum_of_binomial_probabilities(first: int, second: int) -> None:
    pairs, fewer = first + second, min(first, second)
    exact = 2 * sum(math.comb(pairs, k) for k in range(fewer + 1)) / 2**pairs
    assert mcnemar_exact(first, second) == pytest.approx(min(1, exact), rel=1e-11)
    assert mcnemar_exact(first, second) == mcnemar_exact(second, first)


def test_p_of_many_pairs() -> None:
    assert mcnemar_exact(0, 0) == 1
    assert mcnemar_exact(100_000, 100_000) == 1
    # The normal approximation with a correction for continuity.
    expected = math.erfc((2_000 - 1) / math.sqrt(200_000) / math.sqrt(2))
    assert mcnemar_exact(101_000, 99_000) == pytest.approx(expected, rel=1e-3)
    assert mcnemar_exact(0, 5_000) == 0


def test_the_interval_is_that_of_the_mean() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1, (2_000, 1))
    [interval] = paired_bootstrap(differences, np.arange(2_000))
    assert interval is not None
    half = 1.96 * differences.std() / math.sqrt(2_000)
    assert interval == pytest.approx(
        (differences.mean() - half, differences.mean() + half), abs=0.1 * half
    )
    assert paired_bootstrap(differences, np.arange(2_000)) == [interval]
    assert paired_bootstrap(differences, np.arange(2_000), seed=1) != [interval]


def test_rows_of_a_group_are_drawn_together() -> None:
    of_groups = np.random.default_rng(2).normal(0, 1, 100)
    groups = np.repeat(np.arange(100), 20)
    differences = of_groups[groups][:, None]
    [alone] = paired_bootstrap(of_groups[:, None], np.arange(100))
    [together] = paired_bootstrap(differences, groups)
    [wrong] = paired_bootstrap(differences, np.arange(2_000))
    assert alone is not None
    assert together is not None
    assert wrong is not None
    assert together == pytest.approx(alone, abs=1e-12)
    assert together[1] - together[0] > 3 * (wrong[1] - wrong[0])


def test_joined_groups_keep_the_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0, 1, (20_000, 1))
    monkeypatch.setattr(paired_tests, "MAX_GROUPS", 1_000)
    [interval] = paired_bootstrap(differences, np.arange(20_000))
    assert interval is not None
    half = 1.96 / math.sqrt(20_000)
    assert (interval[1] - interval[0]) / 2 == pytest.approx(half, rel=0.15)


def test_chunks_of_draws_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(4).normal(0, 1, (50, 3))
    whole = paired_bootstrap(differences, np.arange(50))
    monkeypatch.setattr(paired_tests, "CHUNK_DRAWS", 333)
    assert paired_bootstrap(differences, np.arange(50)) == whole


def test_few_groups_have_no_interval() -> None:
    differences = np.zeros((100, 2))
    assert paired_bootstrap(differences, np.arange(100) % (MIN_GROUPS - 1)) == [None, None]
    zero = (0.0, 0.0)
    assert paired_bootstrap(differences, np.arange(100) % MIN_GROUPS) == [zero, zero]


def test_intervals_cover_the_mean() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(300):
        sample = generator.exponential(1, (80, 1)) - 1
        [interval] = paired_bootstrap(sample, np.arange(80), seed=seed, replicates=500)
        assert interval is not None
        covered += interval[0] <= 0 <= interval[1]
    assert 0.89 <= covered / 300 <= 0.98
