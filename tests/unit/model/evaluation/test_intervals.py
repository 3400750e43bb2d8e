"""Intervals against SciPy, their definitions and their coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.evaluation.intervals import (
    clopper_pearson_interval,
    grouped_bootstrap,
    paired_bootstrap,
)
from model.metrics.confusion_matrix import wilson_interval


def means(truth: Array, predictions: Array) -> dict[str, float | None]:
    return {"truth": float(truth.mean()), "predictions": float(predictions.mean())}


def wide(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 5.
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0000, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_clopper_pearson_as_published(successes: int, trials: int, low: float, high: float) -> None:
    interval = clopper_pearson_interval(successes, trials)
    assert interval is not None
    assert tuple(round(end, 4) for end in interval) == (low, high)


def test_clopper_pearson_against_scipy() -> None:
    beta = pytest.importorskip(
        "scipy.stats", reason="compares with SciPy, which is not a dependency"
    ).beta
    for trials in (1, 2, 7, 41, 183, 700, 10_000, 1_000_000):
        for successes in {0, 1, trials // 50, trials // 3, trials // 2, trials - 1, trials}:
            rest = trials - successes
            low = beta.ppf(0.025, successes, rest + 1) if successes else 0
            high = beta.ppf(0.975, successes + 1, rest) if rest else 1
            found = clopper_pearson_interval(successes, trials)
            assert found == pytest.approx((low, high), rel=1e-8)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_clopper_pearson_contains_the_share(successes: int, failures: int) -> None:
    trials = successes + failures
    interval, mirrored = (clopper_pearson_interval(k, trials) for k in (successes, failures))
    if not trials:
        assert interval is None
        return
    assert interval is not None
    assert mirrored is not None
    assert 0 <= interval[0] <= successes / trials <= interval[1] <= 1
    assert interval == pytest.approx((1 - mirrored[1], 1 - mirrored[0]), abs=1e-10)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_clopper_pearson_coverage(share: float) -> None:
    draws = np.random.default_rng(0).binomial(50, share, 4000).tolist()
    ends = {k: clopper_pearson_interval(k, 50) for k in set(draws)}
    covered = [end[0] <= share <= end[1] for k in draws if (end := ends[k]) is not None]
    assert len(covered) == 4000
    assert np.mean(covered) > 0.945
    assert wide(ends[round(50 * share)]) > wide(wilson_interval(round(50 * share), 50))


def test_interval_of_a_constant_has_no_width() -> None:
    found = grouped_bootstrap(means, np.full(20, 0.25), np.ones(20))
    assert found == {"truth": (0.25, 0.25), "predictions": (1, 1)}


def test_interval_of_a_mean_follows_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = grouped_bootstrap(means, values, values)["truth"]
    assert found is not None
    assert found[0] < values.mean() < found[1]
    assert wide(found) == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert found == grouped_bootstrap(means, values, values)["truth"]


@pytest.mark.parametrize("copies", [2, 5])
def test_copies_of_rows_in_a_group_do_not_narrow_the_interval(copies: int) -> None:
    values = np.random.default_rng(2).normal(0, 1, 60)
    once = grouped_bootstrap(means, values, values)
    many = np.repeat(values, copies)
    groups = np.repeat(np.arange(60), copies)
    found = grouped_bootstrap(means, many, many, groups)
    assert found["truth"] == pytest.approx(once["truth"])
    # Without groups, the copies would narrow the interval.
    assert wide(grouped_bootstrap(means, many, many)["truth"]) < 0.85 * wide(once["truth"])


def test_groups_are_drawn_as_a_whole() -> None:
    groups = np.array([7, 3, 7, 3, 3, 9])
    seen = []

    def counts(truth: Array, predictions: Array) -> dict[str, float | None]:
        assert (truth == predictions).all()
        seen.append(np.bincount(truth, minlength=6).tolist())
        return {}

    grouped_bootstrap(counts, np.arange(6), np.arange(6), groups)
    observed, *draws = seen
    assert observed == [1] * 6
    assert len(draws) == 1000
    for draw in draws:
        assert draw[0] == draw[2]
        assert draw[1] == draw[3] == draw[4]
        assert draw[0] + draw[1] + draw[5] == 3
    assert np.mean(draws) == pytest.approx(1, abs=0.05)
    assert max(map(max, draws)) == 3


def test_bootstrap_coverage() -> None:
    """Similar rows of a patient: resampling groups covers the mean, resampling rows does not."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 4)
    covered = {"groups": 0, "rows": 0}
    for _ in range(100):
        values = generator.normal(0, 1, 40)[groups] + generator.normal(0, 0.3, 160)
        for name, used in (("groups", groups), ("rows", None)):
            found = grouped_bootstrap(means, values, values, used)["truth"]
            assert found is not None
            covered[name] += found[0] <= 0 <= found[1]
    assert 0.89 <= covered["groups"] / 100 <= 0.99
    assert covered["rows"] / 100 < 0.8


def test_one_group_has_no_interval() -> None:
    assert grouped_bootstrap(means, np.arange(3), np.arange(3), np.zeros(3)) == {
        "truth": None,
        "predictions": None,
    }


def test_resample_without_the_statistic_counts_as_beyond_both_ends() -> None:
    values = np.arange(100.0)

    def largest(limit: float) -> tuple[float, float] | None:
        def statistics(truth: Array, _: Array) -> dict[str, float | None]:
            mean = float(truth.mean())
            return {"mean": mean if mean < limit or len(np.unique(truth)) == 100 else None}

        return grouped_bootstrap(statistics, values, values)["mean"]

    always, rarely = largest(1000), largest(56.5)
    assert always is not None
    assert rarely is not None
    assert rarely[0] < always[0]
    assert rarely[1] >= always[1] - 1e-12
    assert largest(54) is None
    assert largest(0) is None


def test_paired_bootstrap_shares_resamples() -> None:
    generator = np.random.default_rng(3)
    truth = generator.normal(0, 1, 200)
    first = generator.normal(0, 5, 200)
    found = paired_bootstrap(means, truth, first, first + 0.5)
    # Each mean is uncertain by ±0.7; their difference is the same in every resample.
    assert found["predictions"] == pytest.approx((0.5, 0.5))
    assert found["truth"] == (0.0, 0.0)
    alone = grouped_bootstrap(means, truth, first)["predictions"]
    assert wide(alone) > 1
    second = first + generator.normal(0.5, 1, 200)
    forth, back = (
        paired_bootstrap(means, truth, first, second),
        paired_bootstrap(means, truth, second, first),
    )
    assert forth["predictions"] is not None
    assert back["predictions"] == pytest.approx(tuple(-end for end in forth["predictions"][::-1]))


def test_paired_bootstrap_without_a_statistic() -> None:
    def nothing(truth: Array, predictions: Array) -> dict[str, float | None]:  # noqa: ARG001
        return {"figure": None if predictions[0] else 1.0}

    rows = np.arange(4)
    assert paired_bootstrap(nothing, rows, np.zeros(4), np.ones(4)) == {"figure": None}
    assert paired_bootstrap(nothing, rows, np.zeros(4), np.zeros(4)) == {"figure": (0.0, 0.0)}
