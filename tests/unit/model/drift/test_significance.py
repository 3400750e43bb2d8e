"""model/drift/significance.py: p-values that are valid, and their adjustment."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.drift import significance
from model.drift.significance import adjusted, p_bound, two_sample_p_values

small = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=6)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_p_values_without_drift_are_uniform_at_most() -> None:
    draws = np.random.default_rng(1)
    shares = np.array([0.5, 0.2, 0.15, 0.1, 0.04, 0.01])
    for rows in (20, 200, 5000):
        windows, references = (draws.multinomial(n, shares, 1000) for n in (rows, 300))
        found = two_sample_p_values(list(zip(windows, references, strict=True)), generator())
        for level in (0.01, 0.05, 0.2, 0.5):
            share = np.mean(found <= level)
            noise = 3 * math.sqrt(level * (1 - level) / 1000)
            assert level - 0.01 - 2 * noise < share < level + noise


def test_p_value_is_that_of_all_tables() -> None:
    """Two bins: the p-value is Fisher's, a sum over all counts of the first bin."""
    window, reference = np.array([9, 6]), np.array([3, 17])
    n, others, rows = 15, 12, 35
    ways = {x: math.comb(others, x) * math.comb(rows - others, n - x) for x in range(others + 1)}
    expected = n * others / rows
    far = sum(ways[x] for x in ways if abs(x - expected) >= abs(9 - expected) - 1e-9)
    exact = far / math.comb(rows, n)
    found = [
        two_sample_p_values([(window, reference)], np.random.default_rng(seed))[0]
        for seed in range(50)
    ]
    assert np.mean(found) == pytest.approx(exact / (1 - significance.BOUND_WEIGHT), rel=0.1)


@given(small)
def test_the_bound_is_no_smaller_than_the_tail_of_a_bin(pairs: list[tuple[int, int]]) -> None:
    window, reference = np.array([pair for pair in pairs if sum(pair)] or [(1, 1)]).T
    n, m = int(window.sum()), int(reference.sum())
    if not n or not m:
        return
    smallest = 1.0
    for x, others in zip(window.tolist(), (window + reference).tolist(), strict=True):
        ways = [
            math.comb(others, k) * math.comb(n + m - others, n - k) if k <= n else 0
            for k in range(others + 1)
        ]
        total = math.comb(n + m, n)
        smallest = min(smallest, sum(ways[x:]) / total, sum(ways[: x + 1]) / total)
    assert p_bound(window, reference) >= min(1, 2 * smallest * len(window)) * (1 - 1e-9)


def test_plain_drift_needs_no_draws() -> None:
    pairs = [(np.array([1000, 0]), np.array([0, 1000]))]
    (found,) = two_sample_p_values(pairs, generator())
    assert 0 < found < 1e-100
    assert found == two_sample_p_values(pairs, np.random.default_rng(5))[0]


def test_one_feature_of_many_is_found() -> None:
    draws = np.random.default_rng(2)
    shares = np.full(10, 0.1)
    shifted = shares + np.linspace(-0.025, 0.025, 10)
    pairs = [(draws.multinomial(1000, shares), draws.multinomial(1000, shares)) for _ in range(299)]
    pairs.append((draws.multinomial(1000, shifted), draws.multinomial(1000, shares)))
    q_values = adjusted(two_sample_p_values(pairs, generator()))
    assert q_values[-1] < 0.05
    assert q_values[:-1].min() > 0.05


def test_draws_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "MAX_NUMBERS", 0)
    pairs = [(np.array([60, 40]), np.array([40, 60]))]
    (found,) = two_sample_p_values(pairs, generator())
    assert found >= 1 / (1 + significance.FIRST_DRAWS)


@pytest.mark.parametrize(
    "pair",
    [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([5, 0], [7, 0]), ([5], [7])],
)
def test_samples_without_a_difference_to_find(pair: tuple[list[int], list[int]]) -> None:
    window, reference = map(np.array, pair)
    assert two_sample_p_values([(window, reference)], generator()).tolist() == [1]


def test_equal_counts_give_1() -> None:
    counts = np.array([10, 20, 30])
    assert two_sample_p_values([(counts, counts)], generator()).tolist() == [1]


def test_more_rows_than_can_be_drawn_from() -> None:
    window = np.array([2 * 10**12, 3 * 10**12, 0])
    (same, other) = two_sample_p_values(
        [(window, np.array([40, 60, 0])), (window, np.array([60, 40, 0]))], generator()
    )
    assert same > 0.5
    assert other < 0.001


def test_no_pairs() -> None:
    assert two_sample_p_values([], generator()).tolist() == []
    assert adjusted(np.array([])).tolist() == []


def test_adjusted_values_of_an_example() -> None:
    """Each p-value times H / rank, and no larger than those of larger p-values."""
    assert adjusted(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1))
def test_adjusted_values_reject_what_the_procedure_rejects(p_values: list[float]) -> None:
    found = adjusted(np.array(p_values))
    assert ((found >= np.array(p_values)) & (found <= 1)).all()
    size, level = len(p_values), 0.05
    ranked = sorted(p_values)
    largest = max(
        (p for rank, p in enumerate(ranked, start=1) if p * (size / rank) <= level), default=-1.0
    )
    assert (found <= level).tolist() == [p <= largest for p in p_values]
