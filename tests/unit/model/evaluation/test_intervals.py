"""Bootstrap intervals against their definition and their coverage."""

import numpy as np
import pytest

from model.arrays import Array
from model.evaluation.intervals import grouped_bootstrap


def means(truth: Array, predictions: Array) -> dict[str, float | None]:
    return {"truth": float(truth.mean()), "predictions": float(predictions.mean())}


def wide(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


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


def test_bootstrap_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Similar rows of a patient: resampling groups covers the mean, resampling rows does not."""
    monkeypatch.setattr("model.evaluation.intervals.DRAWS", 200)
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

        found: tuple[float, float] | None = grouped_bootstrap(statistics, values, values)["mean"]
        return found

    always, rarely = largest(1000), largest(56.5)
    assert always is not None
    assert rarely is not None
    assert rarely[0] < always[0]
    assert rarely[1] >= always[1] - 1e-12
    assert largest(54) is None
    assert largest(0) is None
