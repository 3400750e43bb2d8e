"""The linear baseline against scikit-learn's logistic and ridge regression."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="compares with scikit-learn: make oracles")

from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model.arrays import Array
from model.pipelines.baselines import linear_predictions
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass, Regression, Target
from model.training.tables.table import Table


def ours(target: Target, rows: Array, truth: Array) -> Array:
    features = tuple(Feature(name=f"f{n}") for n in range(rows.shape[1]))
    half = len(rows) // 2
    table = Table(rows[:half], truth[:half, None], None, None, None, 0)
    return linear_predictions(Schema(features=features, target=target), table, rows[half:])


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_logistic_regression(load: object) -> None:
    rows, truth = load(return_X_y=True)  # type: ignore[operator]
    order = np.random.default_rng(0).permutation(len(rows))
    rows, truth = rows[order].astype(float), truth[order]
    half = len(rows) // 2
    peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    expected = peer.fit(rows[:half], truth[:half]).predict_proba(rows[half:])
    if truth.max() == 1:
        found = ours(Binary(negative="0", positive="1"), rows, truth > 0)
        expected = expected[:, 1:]
    else:
        found = ours(MultiClass(classes=("0", "1", "2")), rows, truth)
        assert log_loss(truth[half:], found) == pytest.approx(
            log_loss(truth[half:], expected), rel=0.01
        )
    np.testing.assert_allclose(found, expected, atol=0.005)


def test_ridge_regression() -> None:
    rows, truth = load_diabetes(return_X_y=True)
    half = len(rows) // 2
    mean, spread = truth[:half].mean(), truth[:half].std()
    peer = make_pipeline(StandardScaler(), Ridge(alpha=1)).fit(rows[:half], truth[:half])
    found = ours(Regression(outputs=("y",)), rows, truth)
    expected = peer.predict(rows[half:])
    np.testing.assert_allclose((found[:, 0] - mean) / spread, (expected - mean) / spread, atol=0.02)
