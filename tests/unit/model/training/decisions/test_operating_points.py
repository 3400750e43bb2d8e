"""Operating points: precomputed values, and comparison with every candidate threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.training.decisions.operating_points import operating_points
from model.training.recipes.sections import OPERATING_POINTS

EQUAL = {"miss": 1.0, "false_alarm": 1.0}
CASES = st.lists(st.tuples(st.booleans(), st.floats(0.001, 1)), max_size=40)
# Few distinct scores, so that there are ties, also between the classes.
COARSE = st.lists(st.tuples(st.booleans(), st.integers(1, 8).map(lambda n: n / 8)), max_size=40)


def split(cases: list[tuple[bool, float]]) -> tuple[Array, Array]:
    """Return labels and probabilities of the cases, with one more case of each class."""
    labels, probabilities = zip(*cases, (True, 0.6), (False, 0.4), strict=True)
    return np.array(labels), np.array(probabilities)


def rates(labels: Array, probabilities: Array, threshold: float) -> tuple[float, float]:
    """Return sensitivity and specificity."""
    predicted = probabilities > threshold
    return float(predicted[labels].mean()), float((~predicted)[~labels].mean())


def candidates(probabilities: Array) -> list[float]:
    """Return the lowest threshold of each possible classification."""
    return [0.0, *np.unique(probabilities).tolist()]


def test_thresholds_match_precomputed_values() -> None:
    labels = np.array([False, False, False, True, False, True, True])
    probabilities = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8])
    found = operating_points(labels, probabilities, {"miss": 1.0, "false_alarm": 5.0})
    assert tuple(found) == OPERATING_POINTS
    # All positives are found from 0.3 up to 0.4; no false alarm from 0.5 on, up to 0.6.
    assert found["sensitivity-99"] == pytest.approx(0.35)
    assert found["specificity-99"] == pytest.approx(0.55)
    # 1 + 3/4 at 0.35, against 2/3 + 1 at 0.55.
    assert found["balanced"] == pytest.approx(0.35)
    assert found["cost"] == pytest.approx(0.55)  # one miss against a false alarm of 5
    expensive = operating_points(labels, probabilities, {"miss": 5.0, "false_alarm": 1.0})
    assert expensive["cost"] == pytest.approx(0.35)


@given(COARSE, st.lists(st.integers(1, 5), min_size=42, max_size=42))
def test_weights_count_rows(cases: list[tuple[bool, float]], counts: list[int]) -> None:
    labels, probabilities = split(cases)
    weights = np.array(counts[: len(labels)])
    found = operating_points(labels, probabilities, EQUAL, weights * 1.0)
    repeated = operating_points(
        np.repeat(labels, weights), np.repeat(probabilities, weights), EQUAL
    )
    assert found == repeated


def test_middle_of_equally_good_thresholds_is_chosen() -> None:
    labels = np.array([False, True])
    found = operating_points(labels, np.array([0.2, 0.9]), EQUAL)
    assert set(found.values()) == {0.55}
    worse = operating_points(~labels, np.array([0.2, 0.9]), EQUAL)
    assert worse["cost"] == pytest.approx(0.1)  # as good as 0.95, and better than between them
    flat = operating_points(np.array([True, False]), np.full(2, 0.6), EQUAL)
    assert flat["cost"] == pytest.approx(0.55)  # from 0.3 to 0.8: one error everywhere
    assert worse["sensitivity-99"] == pytest.approx(0.1)
    assert worse["specificity-99"] == pytest.approx(0.95)


@pytest.mark.parametrize("score", [0.0, 1e-300, 0.3, 1.0])
def test_single_score(score: float) -> None:
    labels, probabilities = np.array([True, False, False]), np.full(3, score)
    found = operating_points(labels, probabilities, EQUAL)
    assert all(0 <= each <= 1 for each in found.values())
    assert rates(labels, probabilities, found["specificity-99"]) == (0, 1)
    assert rates(labels, probabilities, found["cost"]) == (0, 1)  # one miss, not two alarms
    sensitivity, _ = rates(labels, probabilities, found["sensitivity-99"])
    assert sensitivity == (1 if score else 0)  # nothing is above 0 that is 0


def test_adjacent_floats_are_separated() -> None:
    for low in (0.1, 0.3, np.nextafter(0.3, 1), 5e-324):
        probabilities = np.array([low, np.nextafter(low, 1)])
        found = operating_points(np.array([False, True]), probabilities, EQUAL)
        assert set(found.values()) == {low}


@pytest.mark.parametrize("count", [100, 300, 700])
def test_exactly_99_percent_is_enough(count: int) -> None:
    scores = np.arange(1, count + 1) / (count + 1)
    labels = np.repeat([True, False], count)
    found = operating_points(labels, np.concatenate([scores, scores]), EQUAL)
    allowed = count // 100
    assert (scores <= found["sensitivity-99"]).sum() == allowed
    assert (scores > found["specificity-99"]).sum() == allowed


@given(CASES | COARSE)
def test_sensitivity_99_is_the_highest_such_threshold(cases: list[tuple[bool, float]]) -> None:
    labels, probabilities = split(cases)
    found = operating_points(labels, probabilities, EQUAL)["sensitivity-99"]
    assert 0 <= found <= 1
    assert rates(labels, probabilities, found)[0] >= 0.99
    higher = [each for each in candidates(probabilities) if each > found]
    assert all(rates(labels, probabilities, each)[0] < 0.99 for each in higher)


@given(CASES | COARSE)
def test_specificity_99_is_the_lowest_such_threshold(cases: list[tuple[bool, float]]) -> None:
    labels, probabilities = split(cases)
    found = operating_points(labels, probabilities, EQUAL)["specificity-99"]
    assert 0 <= found <= 1
    reached = rates(labels, probabilities, found)
    assert reached[1] >= 0.99
    for each in candidates(probabilities):
        other = rates(labels, probabilities, each)
        assert other[1] < 0.99 or each >= found or other == reached


@given(
    CASES | COARSE,
    st.sampled_from([1e-200, 1e-13, 0.1, 1.0, 1e200, 1e308]),
    st.sampled_from([0.3, 1.0, 3.0]),
)
def test_no_threshold_is_better(
    cases: list[tuple[bool, float]], size: float, false_alarm: float
) -> None:
    """The unit of the costs does not matter: only their ratio does."""
    labels, probabilities = split(cases)
    costs = {"miss": size, "false_alarm": min(false_alarm * size, 1.5e308)}
    found = operating_points(labels, probabilities, costs)
    ratio = costs["false_alarm"] / costs["miss"]

    def cost(threshold: float) -> float:
        predicted = probabilities > threshold
        return float((~predicted & labels).sum() + ratio * (predicted & ~labels).sum())

    def balance(threshold: float) -> float:
        return sum(rates(labels, probabilities, threshold))

    every = candidates(probabilities)
    assert cost(found["cost"]) == pytest.approx(min(map(cost, every)), abs=1e-9)
    assert balance(found["balanced"]) == pytest.approx(max(map(balance, every)), abs=1e-9)
    assert all(0 <= each <= 1 for each in found.values())
