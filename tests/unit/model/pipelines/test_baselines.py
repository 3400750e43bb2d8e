"""Baselines: the base rate, and a linear model that finds what there is to find."""

from typing import Any

import numpy as np
import pytest

from model.evaluation.metrics import log_loss
from model.pipelines.baselines import baselines, linear_predictions, prior_predictions
from model.prediction.predictor import ScoredRows
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass, Regression, Target
from model.training.tables.table import Table

generator = np.random.default_rng(0)
X = generator.normal(size=(300, 3)) * [1, 100, 1e-3] + [0, 5000, 0]
Z = (X - [0, 5000, 0]) / [1, 100, 1e-3] @ np.array([2.0, -1, 0])[:, None]


def schema_of(target: Target) -> Schema:
    features = tuple(Feature(name=f"f{n}", may_be_missing=True) for n in range(3))
    return Schema(features=features, target=target)


def table_of(targets: Any, rows: Any = X) -> Table:
    return Table(rows, targets, groups=None, weights=None, split_values=None, dropped=0)


BINARY = Binary(negative="n", positive="y")


def test_prior_is_the_mean_of_weighted_rows() -> None:
    labels = np.array([[True], [False], [False], [False]])
    table = Table(np.zeros((4, 3)), labels, None, np.array([3.0, 1, 1, 1]), None, 0)
    assert prior_predictions(BINARY, table, 2).tolist() == [[0.5], [0.5]]
    classes = table_of(np.array([[0], [1], [1], [2]]), np.zeros((4, 3)))
    target = MultiClass(classes=("a", "b", "c"))
    assert prior_predictions(target, classes, 1).tolist() == [[0.25, 0.5, 0.25]]


def test_difference_is_paired() -> None:
    labels = generator.logistic(size=(300, 1)) < Z
    p = 1 / (1 + np.exp(-Z))
    table = table_of(labels)
    found = baselines(schema_of(BINARY), table, table, ScoredRows.ungrouped(labels, p))
    assert found["score"] == "log_loss"
    assert found["model"] == pytest.approx(log_loss(labels, p))
    prior, linear = found["prior"], found["linear"]
    assert prior["value"] == pytest.approx(log_loss(labels, np.full((300, 1), labels.mean())))
    for each in (prior, linear):
        assert each["difference"] == pytest.approx(found["model"] - each["value"])
        low, high = each["interval"]
        assert low < each["difference"] < high
    assert prior["interval"][1] < 0  # the true model beats the base rate
    # The truth is linear, so the paired difference is far more certain than either value.
    assert abs(linear["difference"]) < 0.03
    assert linear["interval"][1] - linear["interval"][0] < 0.1


def test_numbers_keep_their_scale() -> None:
    target = Regression(outputs=("a", "b"))
    truth = np.concatenate([1000 + 50 * Z, -Z], axis=1)
    rows = X.copy()
    rows[::10, 1] = np.nan
    found = linear_predictions(schema_of(target), table_of(truth, rows), X)
    residuals = (found - truth) / truth.std(axis=0)
    assert np.square(residuals).mean() < 0.05
    amounts = Regression(task="non_negative", outputs=("a",))
    found = linear_predictions(schema_of(amounts), table_of(np.maximum(Z, 0)), X)
    assert found.min() == 0


def test_constant_and_huge_columns_are_harmless() -> None:
    rows = np.column_stack([X[:, 0], np.full(300, 7.0), np.where(X[:, 2] > 0, 1e308, -1e308)])
    found = linear_predictions(schema_of(BINARY), table_of(X[:, :1] > 0, rows), rows)
    assert np.isfinite(found).all()
    assert ((found > 0.5) == (X[:, :1] > 0)).mean() > 0.95


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-300, 1e-12, 1e200])
def test_targets_of_any_size_keep_their_scale(unit: float) -> None:
    target = Regression(outputs=("a",))
    found = linear_predictions(schema_of(target), table_of(Z * unit), X) / unit
    assert np.square(found - Z).mean() < 0.05 * Z.var()


@pytest.mark.filterwarnings("error")
def test_one_target_for_all_rows_is_predicted() -> None:
    found = linear_predictions(
        schema_of(Regression(outputs=("a",))), table_of(np.full((300, 1), 7.0)), X
    )
    assert found == pytest.approx(np.full((300, 1), 7.0))
