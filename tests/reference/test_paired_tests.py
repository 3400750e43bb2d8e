"""McNemar's test and the bootstrap beside SciPy's."""

import numpy as np
import pytest

from model.metrics.paired_tests import mcnemar_exact, paired_bootstrap

pytestmark = pytest.mark.reference
stats = pytest.importorskip("scipy.stats")


@pytest.mark.parametrize("counts", [(0, 1), (3, 9), (40, 61), (480, 530), (5_000, 5_300)])
def test_mcnemar_is_the_binomial_test(counts: tuple[int, int]) -> None:
    expected = stats.binomtest(counts[0], sum(counts)).pvalue
    assert mcnemar_exact(*counts) == pytest.approx(expected, rel=1e-9)


def test_the_interval_is_the_percentile_interval() -> None:
    differences = np.random.default_rng(0).exponential(1, (400, 1))
    [interval] = paired_bootstrap(differences, np.arange(400), replicates=20_000)
    assert interval is not None
    expected = stats.bootstrap(
        (differences[:, 0],),
        np.mean,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = expected.high - expected.low
    assert interval == pytest.approx((expected.low, expected.high), abs=0.03 * width)
