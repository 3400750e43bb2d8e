"""Association of features with groups: strong ones first, and nothing for noise."""

import numpy as np
import pytest

from model.arrays import Array
from model.evaluation.association import association, most_associated
from model.prediction.schema import Feature

ROWS = 2000
NUMBER = Feature(name="x")
CATEGORY = Feature(name="c", type="category", categories=tuple("abcdefghijklmnop"))


@pytest.fixture
def labels() -> Array:
    return np.random.default_rng(0).random(ROWS) < 0.3


def test_a_feature_that_separates_two_groups_has_the_value_1(labels: Array) -> None:
    masks = np.stack([~labels, labels])
    assert association(labels * 1.0, masks, NUMBER) == pytest.approx(1, abs=0.01)
    assert association(labels * 15.0, masks, CATEGORY) == pytest.approx(1, abs=0.01)


def test_phi_squared_is_that_of_the_table_of_counts() -> None:
    # 2 x 2 table 30 10 / 20 40: χ² = 100 (30·40 − 10·20)² / (40·60·50·50) = 16.67.
    values = np.repeat([0.0, 0.0, 1.0, 1.0], [30, 10, 20, 40])
    mask = np.repeat([True, False, True, False], [30, 10, 20, 40])
    assert association(values, mask[None], NUMBER) == pytest.approx(1 / 6 - 1 / 99)


def test_noise_has_nearly_no_association(labels: Array) -> None:
    noise = np.random.default_rng(1).normal(size=ROWS)
    assert association(noise, labels[None], NUMBER) < 0.01
    assert association(np.full(ROWS, 7.0), labels[None], NUMBER) == 0
    assert association(np.full(ROWS, np.nan), labels[None], NUMBER) == 0


def test_a_missing_value_is_a_value(labels: Array) -> None:
    values = np.where(labels, np.nan, 3.0)
    assert association(values, labels[None], NUMBER) == pytest.approx(1, abs=0.01)


def test_a_feature_without_an_order_is_found(labels: Array) -> None:
    """A correlation would be 0: the group is at both ends."""
    sign = np.where(np.arange(ROWS) % 2, 1, -1)
    assert association(np.where(labels, 5.0 * sign, 0.0), labels[None], NUMBER) > 0.9


def test_the_strongest_features_come_first(labels: Array) -> None:
    generator = np.random.default_rng(2)
    rows = generator.normal(size=(ROWS, 6))
    rows[:, 4] += 5 * labels
    rows[:, 1] += labels
    features = [Feature(name=str(number)) for number in range(6)]
    groups = {"no": ~labels, "yes": labels}
    assert most_associated(rows, groups, features, 2) == [4, 1]
    assert most_associated(rows, groups, features, 6) == [0, 1, 2, 3, 4, 5]
