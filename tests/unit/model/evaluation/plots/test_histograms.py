"""Histograms: bins, ticks and shares of every kind of feature."""

import numpy as np
import pytest

from model.evaluation.plots.histograms import histogram
from model.prediction.schema import Feature

NAN = np.nan


def test_integers_have_a_bin_for_each_value() -> None:
    groups = [np.array([1.0, 1, 2, NAN]), np.array([4.0])]
    found = histogram(Feature(name="n", type="integer"), groups)
    assert np.asarray(found.shares) == pytest.approx(
        np.array([[2 / 3, 1 / 3, 0, 0], [0, 0, 0, 1]], float)
    )
    assert found.texts == ["1", "2", "3", "4"]
    np.testing.assert_allclose(found.ticks, [0.125, 0.375, 0.625, 0.875])


def test_categories_and_booleans_keep_their_order() -> None:
    sizes = Feature(name="s", type="category", categories=("small", "large"))
    found = histogram(sizes, [np.array([1.0, 1]), np.array([0.0, 1])])
    assert found.texts == ["small", "large"]
    assert np.asarray(found.shares) == pytest.approx(np.array([[0, 1], [0.5, 0.5]], float))
    assert histogram(Feature(name="b", type="boolean"), [np.array([1.0])]).texts == [
        "false",
        "true",
    ]


def test_unknown_categories_come_last_where_there_are_any() -> None:
    sizes = Feature(name="s", type="category", categories=("small", "large"), unseen="other")
    assert histogram(sizes, [np.array([0.0, 1.0])]).texts == ["small", "large"]
    found = histogram(sizes, [np.array([0.0, 2.0, 2.0, 2.0])])
    assert found.texts == ["small", "large", "other"]
    assert found.shares.tolist() == [[0.25, 0, 0.75]]


def test_rare_categories_are_counted_together() -> None:
    many = Feature(name="m", type="category", categories=tuple(f"c{i}" for i in range(50)))
    values = np.concatenate([np.arange(50.0), np.repeat([40.0, 3.0], 30)])
    found = histogram(many, [values])
    assert len(found.texts) == 12
    assert found.texts[-1] == "39 others"
    assert {"c3", "c40"} < set(found.texts)
    assert found.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "values",
    [
        [-1.7e308, 1.7e308],
        [1e300, 1e300],
        [5e-324, 1e-310],
        [0.0, 0.0],
        [1e15, 1e15 + 1],
        [-3.0, 5.0],
    ],
)
def test_numbers_of_every_size_are_counted(values: list[float]) -> None:
    found = histogram(Feature(name="x"), [np.array(values), np.empty(0)])
    np.testing.assert_allclose(found.shares.sum(axis=1), [1, 0])
    assert found.edges[[0, -1]].tolist() == [0, 1]
    assert ((found.ticks >= 0) & (found.ticks <= 1)).all()
    assert len(found.ticks) == len(found.texts) > 0


def test_a_column_without_values_is_empty() -> None:
    assert not histogram(Feature(name="x"), [np.array([NAN, NAN])]).shares.any()
