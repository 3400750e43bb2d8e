"""Tests of model.metrics.verification: what is not known, and weights against verification bias."""

import numpy as np
import pytest
from support.binned_rows import binned

from model.arrays import Array
from model.metrics.probability_bins import BinnedRows
from model.metrics.proportions import FIGURES
from model.metrics.verification import unweighted_figures, weighted_figures

LABELS = ("benign", "malignant")
OF_BOTH = {"accuracy", "sensitivity", "specificity"}


def drawn(rows: int, seed: int = 0) -> tuple[Array, Array, np.random.Generator]:
    """Return probabilities of a fair model, truth, and the generator that drew them."""
    generator = np.random.default_rng(seed)
    probabilities = generator.beta(0.5, 1.2, rows)
    return probabilities, generator.random(rows) < probabilities, generator


def verified(rows: int, low: float, high: float, seed: int = 0) -> tuple[BinnedRows, BinnedRows]:
    """Return rows with the truth of some, and with the truth of all.

    Args:
        rows: Number of rows.
        low: Share of the rows predicted negative that is verified.
        high: Share of those predicted positive.
        seed: Seed of the draws.
    """
    probabilities, labels, generator = drawn(rows, seed)
    share = np.where(probabilities > 0.5, high, low)
    return (
        binned(probabilities, labels, generator.random(rows) < share),
        binned(probabilities, labels),
    )


def test_all_is_known_where_the_coverage_is_alike() -> None:
    some, whole = verified(20_000, 0.5, 0.55)
    figures, reasons = unweighted_figures(some, 500, LABELS)
    assert reasons == {}
    for name, (part, total) in whole.confusion_matrix(500).proportions().items():
        low, high = figures[name]["interval"]
        assert low - 0.01 < part / total < high + 0.01


def test_verification_bias_is_stated_and_weights_recover_the_sensitivity() -> None:
    some, whole = verified(40_000, 0.06, 0.9)
    truth = {name: k / n for name, (k, n) in whole.confusion_matrix(500).proportions().items()}
    naive = some.confusion_matrix(500).proportions()["sensitivity"]
    assert naive[0] / naive[1] - truth["sensitivity"] > 0.1
    figures, reasons = unweighted_figures(some, 500, LABELS)
    assert set(reasons) == {*OF_BOTH, "negative_predictive_value"}
    assert "rows predicted malignant" in reasons["sensitivity"]
    assert "a ratio of 1" in reasons["sensitivity"]
    assert all(figures[name] == {"value": None, "interval": None} for name in reasons)
    matrix, weighted, left = weighted_figures(some, 500)
    assert left == {}
    assert sum(matrix) == pytest.approx(40_000)
    for name in FIGURES:
        low, high = weighted[name]["interval"]
        assert low <= truth[name] <= high, name
        assert weighted[name]["value"] == pytest.approx(truth[name], abs=0.03)


def test_no_false_negative_is_seen_where_only_positives_are_verified() -> None:
    some, _ = verified(5000, 0.0, 0.8)
    negatives = int(some.rows[:500].sum())
    naive = some.confusion_matrix(500).proportions()["sensitivity"]
    assert naive[0] == naive[1]
    figures, reasons = unweighted_figures(some, 500, LABELS)
    assert reasons["sensitivity"] == f"none of the {negatives} rows predicted benign has truth"
    assert figures["positive_predictive_value"]["value"] is not None
    _, weighted, left = weighted_figures(some, 500)
    assert left["sensitivity"] == "rows of probabilities from 0 to 0.1 have no truth"
    assert set(left) == {*OF_BOTH, "negative_predictive_value"}
    assert weighted["sensitivity"] == {"value": None, "interval": None}
    assert weighted["positive_predictive_value"]["value"] is not None


def test_intervals_with_weights_have_the_truth_in_most_windows() -> None:
    # Of 300 windows of 3 000 rows with rare false negatives, Beta(0.1, 0.4), these intervals have
    # the sensitivity in 92 %. Wilson's interval at the effective sample size of Kish has it in
    # 84 %: it does not see the uncertainty of a stratum without a verified positive row.
    hits = 0
    for seed in range(100):
        some, whole = verified(2000, 0.1, 0.9, seed)
        part, total = whole.confusion_matrix(500).proportions()["sensitivity"]
        _, figures, reasons = weighted_figures(some, 500)
        assert reasons == {}
        low, high = figures["sensitivity"]["interval"]
        hits += low <= part / total <= high
    assert hits >= 90


def test_with_all_truth_weights_change_nothing() -> None:
    _, whole = verified(3000, 1, 1)
    matrix, figures, reasons = weighted_figures(whole, 730)
    expected = whole.confusion_matrix(730)
    assert reasons == {}
    assert matrix == pytest.approx(tuple(vars(expected).values()))
    for name, (part, total) in expected.proportions().items():
        assert figures[name]["value"] == pytest.approx(part / total)
        assert figures[name]["interval"] == pytest.approx((part / total, part / total))


def test_a_weighted_example() -> None:
    # Begg and Greenes: 100 rows of 0.2, of which 10 are verified and 2 are positive; 50 rows of
    # 0.8, all verified, 40 positive. Positives: 100 · 2 / 10 + 40; sensitivity 40 / 60.
    some = binned(
        np.repeat([0.2, 0.8], [100, 50]),
        np.repeat([True, False, True, False], [2, 98, 40, 10]),
        np.repeat([True, True, False, True], [2, 8, 90, 50]),
    )
    matrix, figures, _ = weighted_figures(some, 500)
    assert list(matrix) == [80, 10, 20, 40]
    assert figures["sensitivity"]["value"] == pytest.approx(40 / 60)


@pytest.mark.parametrize("rows", [0, 10])
def test_without_truth_nothing_is_known(rows: int) -> None:
    some, _ = verified(rows, 0, 0)
    figures, reasons = unweighted_figures(some, 500, LABELS)
    assert set(reasons) == set(FIGURES)
    assert reasons["sensitivity"] == "no truth has arrived"
    assert all(each["value"] is None for each in figures.values())
    _, figures, reasons = weighted_figures(some, 500)
    assert set(reasons) == set(FIGURES)
    assert all(each["value"] is None for each in figures.values())
