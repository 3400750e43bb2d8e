"""model/drift/stability.py: the PSI is that of a plain program, and 0 for equal shares."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.drift.stability import index_by_chance, stability_index

counts = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=20)


def plain_index(pairs: list[tuple[int, int]]) -> float:
    """Return the PSI by the definition, in Python."""
    if not sum(n for n, _ in pairs) or not sum(m for _, m in pairs):
        return 0.0
    used = [(n, m) for n, m in pairs if n or m]
    filled = [(n, m) if n and m else (n + 0.5, m + 0.5) for n, m in used]
    rows, of_reference = sum(n for n, _ in filled), sum(m for _, m in filled)
    found = 0.0
    for n, m in filled:
        p, q = n / rows, m / of_reference
        found += (p - q) * math.log(p / q)
    return found


@given(counts)
def test_index_is_that_of_the_definition(pairs: list[tuple[int, int]]) -> None:
    window, reference = np.array(pairs).T
    found = stability_index(window, reference)
    assert found == pytest.approx(plain_index(pairs), abs=1e-9)
    assert found == pytest.approx(stability_index(reference, window), abs=1e-12)
    assert found >= 0


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(1, 100))
def test_equal_shares_give_nothing(reference: list[int], factor: int) -> None:
    window = np.array(reference)
    assert stability_index(window * factor, window) == pytest.approx(0, abs=1e-12)


def test_empty_samples_give_nothing() -> None:
    assert stability_index(np.array([0, 0]), np.array([1, 2])) == 0
    assert index_by_chance(np.array([1, 2]), np.array([0, 0])) == 0


def test_a_bin_that_is_empty_in_both_samples_changes_nothing() -> None:
    window, reference = np.array([3, 0, 5]), np.array([30, 0, 20])
    assert stability_index(window, reference) == stability_index(window[::2], reference[::2])
    assert index_by_chance(window, reference) == 1 / 8 + 1 / 50


def test_the_expectation_is_that_of_samples_of_one_population() -> None:
    generator = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    samples = generator.multinomial(500, shares, 2000), generator.multinomial(900, shares, 2000)
    found = [stability_index(*pair) for pair in zip(*samples, strict=True)]
    expected = index_by_chance(samples[0][0], samples[1][0])
    assert np.mean(found) == pytest.approx(expected, rel=0.05)
