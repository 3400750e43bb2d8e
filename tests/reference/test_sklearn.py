"""Linear networks and evaluation metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation import metrics
from model.network.network import Network
from model.prediction.target import MultiClass
from model.training.optimizers.registry import GradientDescent
from model.training.recipes.bundled import BUNDLED
from model.training.tables.targets import TargetStatistics

linear_model = pytest.importorskip(
    "sklearn.linear_model", reason="compares with scikit-learn: make oracles"
)
theirs = pytest.importorskip("sklearn.metrics")
sklearn_datasets = pytest.importorskip("sklearn.datasets")

DATA = BUNDLED.parent.parent / "data"


@pytest.mark.parametrize(
    ("classes", "loss"), [(2, "binary_cross_entropy"), (3, "sparse_categorical_cross_entropy")]
)
def test_network_without_hidden_layers_is_logistic_regression(classes: int, loss: str) -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((300, 3))
    y = (
        x @ generator.standard_normal((3, classes)) + generator.gumbel(size=(300, classes))
    ).argmax(1)
    network = Network([{"units": 1 if classes == 2 else classes}], 3, loss)
    theta = np.zeros(network.layout.size)
    plan = network.compile(theta, len(x))
    plan.load(x, network.loss.encode(y, network.outputs, "float64"))
    update = list(GradientDescent(2.0).bind(theta, plan.gradient))
    for _ in range(3000):
        plan.step()
        for call in update:
            call()
    assert np.abs(plan.gradient).max() < 1e-9
    peer = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(x, y)
    ours = network.predict(theta, x)
    expected = peer.predict_proba(x)[:, -network.outputs :]
    assert ours == pytest.approx(expected, abs=1e-5)


def test_balanced_class_weights() -> None:
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    classes, labels = np.arange(3), np.array([0, 0, 2, 1, 2, 2, 2])
    statistics = TargetStatistics(MultiClass(classes=("a", "b", "c"))).add(labels[:, None])
    expected = compute("balanced", classes=classes, y=labels)
    assert statistics.balanced_class_weights() == pytest.approx(expected)


scored = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20).map(lambda k: k / 20)), min_size=2, max_size=60
).filter(lambda rows: len({label for label, _ in rows}) == 2)


@given(scored)
def test_metrics(rows: list[tuple[bool, float]]) -> None:
    labels, p = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    assert metrics.roc_auc(labels, p) == pytest.approx(theirs.roc_auc_score(labels, p))
    expected = theirs.average_precision_score(labels, p)
    assert metrics.average_precision(labels, p) == pytest.approx(expected)
    assert metrics.brier(labels, p) == pytest.approx(theirs.brier_score_loss(labels, p))
    assert metrics.log_loss(labels, p) == pytest.approx(theirs.log_loss(labels, p), abs=1e-12)


def test_bundled_digits_equal_scikit_learns() -> None:
    bundled = sklearn_datasets.load_digits()
    table = np.genfromtxt(DATA / "digits.csv", delimiter=",", skip_header=1)
    np.testing.assert_array_equal(table[:, :-1], bundled.data)
    np.testing.assert_array_equal(table[:, -1], bundled.target)


def test_bundled_diabetes_rows_equal_scikit_learns() -> None:
    bundled = sklearn_datasets.load_diabetes(scaled=False)
    table = np.genfromtxt(DATA / "diabetes.csv", delimiter=",", skip_header=1)
    np.testing.assert_array_equal(table[:, :-1], bundled.data)
    np.testing.assert_array_equal(table[:, -1], bundled.target)
