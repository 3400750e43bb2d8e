"""P-values of drift against SciPy, and their adjustment against SciPy's."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="compares with SciPy, of scikit-learn: make oracles")

from scipy import stats

from model.arrays import Array
from model.drift.significance import BOUND_WEIGHT, adjusted, two_sample_p_values

SHARES = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02])


def ours(window: Array, reference: Array) -> float:
    """Return the mean of 20 p-values, so that the noise of the draws is small."""
    generator = np.random.default_rng(0)
    found = two_sample_p_values([(window, reference)] * 20, generator)
    return float(found.mean()) * (1 - BOUND_WEIGHT)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shift", [0, 0.03])
def test_many_rows_have_the_p_value_of_the_chi_square_test(seed: int, shift: float) -> None:
    draws = np.random.default_rng(seed)
    shifted = SHARES + shift * np.array([1, -1, 0, 0, 0, 0, 0, 0])
    window, reference = draws.multinomial(2000, shifted), draws.multinomial(4000, SHARES)
    expected = stats.chi2_contingency(np.stack([window, reference]), correction=False).pvalue
    found = ours(window, reference)
    if expected > 0.001:
        assert found == pytest.approx(expected, rel=0.2, abs=0.003)
    else:
        assert found < 0.005


@pytest.mark.parametrize("seed", range(5))
def test_few_rows_have_the_p_value_of_permutations(seed: int) -> None:
    draws = np.random.default_rng(seed)
    window, reference = draws.multinomial(12, SHARES), draws.multinomial(25, SHARES)
    rows = np.repeat(np.arange(len(SHARES)), window), np.repeat(np.arange(len(SHARES)), reference)

    def statistic(first: Array, second: Array) -> float:
        table = np.stack([np.bincount(each, minlength=len(SHARES)) for each in (first, second)])
        used = table[:, table.any(axis=0)]
        return float(stats.chi2_contingency(used, correction=False).statistic)

    expected = stats.permutation_test(
        rows, statistic, alternative="greater", n_resamples=2000, rng=np.random.default_rng(seed)
    ).pvalue
    assert ours(window, reference) == pytest.approx(expected, rel=0.25, abs=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_two_bins_have_a_p_value_of_fishers_test(seed: int) -> None:
    """Fisher's test orders tables by probability; with equal sample sizes that is by distance."""
    draws = np.random.default_rng(seed)
    window, reference = draws.multinomial(20, [0.4, 0.6]), draws.multinomial(20, [0.6, 0.4])
    expected = stats.fisher_exact(np.stack([window, reference])).pvalue
    assert ours(window, reference) == pytest.approx(expected, rel=0.25, abs=0.01)


@pytest.mark.parametrize("size", [1, 2, 9, 300])
def test_adjusted_values(size: int) -> None:
    p_values = np.random.default_rng(size).random(size) ** 3
    expected = stats.false_discovery_control(p_values)
    assert adjusted(p_values) == pytest.approx(expected, rel=1e-12)
