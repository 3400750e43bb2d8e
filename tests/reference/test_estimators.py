"""scikit-learn's estimator checks, its networks as peers, and its tools on the estimators."""

import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="compares with scikit-learn: make oracles")

from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, make_friedman1
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from model.estimators import NetworkClassifier, NetworkRegressor
from model.network.layers import Dense, Dropout
from model.training.fitting.sequential import Sequential

# One network, trained to the last epoch on inputs as they are.
PLAIN: dict[str, Any] = {
    "hidden": (15,),
    "members": 1,
    "scale": False,
    "optimizer": "adam",
    "epochs": 200,
    "batch_size": 32,
    "l2": 0.0,
    "early_stopping": False,
    "training": {"average": None},
}
MULTI_CLASS_LOSS = "sparse_categorical_cross_entropy"
estimators = pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])


def problem(classes: int = 3, rows: int = 120) -> tuple[Any, Any]:
    """Rows (N, 4) and text labels (N,) of unequal frequency."""
    generator = np.random.default_rng(0)
    numbers = np.minimum(generator.integers(0, 2 * classes, rows), classes - 1)
    inputs = generator.standard_normal((rows, 4))
    inputs[:, 0] += 2 * numbers
    return inputs, np.array(["benign", "malignant", "unknown"])[numbers]


def targets_for(kind: Any) -> tuple[Any, Any]:
    rows, labels = problem()
    return rows, labels if kind is NetworkClassifier else rows[:, 0] - rows[:, 1]


def cancer() -> tuple[Any, ...]:
    rows, labels = load_breast_cancer(return_X_y=True)
    return tuple(train_test_split(rows, labels, stratify=labels, random_state=0))


# No check is expected to fail. `check_array_api_input` skips itself unless SCIPY_ARRAY_API is set.
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        NetworkClassifier(),
        NetworkRegressor(),
        NetworkClassifier(members=4),
        NetworkRegressor(members=3, early_stopping=False),
        NetworkClassifier(**PLAIN | {"batch_size": "full", "learning_rate": 0.01}),
        NetworkRegressor(members=1, optimizer="nadam", training={"average": 0.9}),
    ]
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# Equal settings, means over seeds. One of 143 rows is 0.007.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_as_good_as_scikit_learn_on_breast_cancer() -> None:
    learn, test, labels, truth = cancer()
    ours: list[float] = []
    theirs: list[float] = []
    for seed in range(5):
        mine = NetworkClassifier(**PLAIN | {"hidden": (30,), "epochs": 60}, random_state=seed)
        peer = MLPClassifier((30,), max_iter=60, batch_size=32, alpha=0, random_state=seed)
        for each, scores in ((mine, ours), (peer, theirs)):
            pipeline = make_pipeline(StandardScaler(), each).fit(learn, labels)
            scores.append(pipeline.score(test, truth))
    assert np.mean(ours) > 0.95
    assert np.mean(ours) > np.mean(theirs) - 0.01


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_as_good_as_scikit_learn_on_digits() -> None:
    rows, labels = load_digits(return_X_y=True)
    learn, test, known, truth = train_test_split(rows / 16, labels, random_state=0)
    ours: list[float] = []
    theirs: list[float] = []
    for seed in range(3):
        mine = NetworkClassifier(**PLAIN | {"hidden": (50,), "epochs": 30}, random_state=seed)
        peer = MLPClassifier((50,), max_iter=30, batch_size=32, alpha=0, random_state=seed)
        ours.append(mine.fit(learn, known).score(test, truth))
        theirs.append(peer.fit(learn, known).score(test, truth))
    assert np.mean(ours) > 0.95
    assert np.mean(ours) > np.mean(theirs) - 0.01


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_as_good_as_scikit_learn_on_numbers() -> None:
    rows, targets = make_friedman1(500, noise=1, random_state=0)
    targets = (targets - targets.mean()) / targets.std()
    learn, test, known, truth = train_test_split(2 * rows - 1, targets, random_state=0)
    # He's initial weights, the default, are larger than scikit-learn's and take more epochs.
    layer = {"units": 20, "activation": "relu", "initializer": "glorot_uniform"}
    names: dict[str, Any] = {"hidden_layer_sizes": (20,), "max_iter": 60, "alpha": 0}
    ours: list[float] = []
    theirs: list[float] = []
    for seed in range(5):
        mine = NetworkRegressor(**PLAIN | {"hidden": (layer,), "epochs": 60}, random_state=seed)
        peer = MLPRegressor(batch_size=32, random_state=seed, **names)
        ours.append(mine.fit(learn, known).score(test, truth))
        theirs.append(peer.fit(learn, known).score(test, truth))
    assert np.mean(ours) > np.mean(theirs) - 0.02


@pytest.mark.parametrize("classes", [2, 3])
def test_fit_equals_sequential(classes: int) -> None:
    rows, labels = problem(classes)
    options = PLAIN | {"hidden": (5, Dropout(0.1)), "epochs": 3}
    estimator = NetworkClassifier(**options, random_state=7).fit(rows, labels)
    numbers = np.unique(labels, return_inverse=True)[1]
    outputs, loss = (1, "binary_cross_entropy") if classes == 2 else (3, MULTI_CLASS_LOSS)
    layers = [Dense(5, "relu"), Dropout(0.1), Dense(outputs)]
    fitted = Sequential(layers).fit(rows, numbers, loss, "adam", epochs=3, seed=7)
    assert (estimator.theta_ == fitted.theta).all()
    assert estimator.history_ == fitted.history
    assert estimator.loss_ == fitted.history.records[-1].train_loss
    assert estimator.n_iter_ == 3
    probabilities = estimator.predict_proba(rows)
    assert (probabilities[:, -outputs:] == fitted.predict(rows)).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    most_probable = np.unique(labels)[probabilities.argmax(axis=1)]
    assert (estimator.predict(rows) == most_probable).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_balanced_class_weights_equal_row_weights(classes: int) -> None:
    rows, labels = problem(classes)
    known, numbers = np.unique(labels, return_inverse=True)
    each = compute_class_weight("balanced", classes=known, y=labels)
    plain = NetworkClassifier(**PLAIN | {"epochs": 3}, random_state=0)
    balanced = clone(plain).set_params(class_weight="balanced").fit(rows, labels)
    table = clone(plain).set_params(class_weight=dict(zip(known, each, strict=True)))
    weighted = clone(plain).fit(rows, labels, sample_weight=each[numbers])
    assert (balanced.theta_ == weighted.theta_).all()
    assert (table.fit(rows, labels).theta_ == weighted.theta_).all()
    assert (plain.fit(rows, labels).theta_ != weighted.theta_).any()


def test_weights_of_classes_and_of_rows_multiply() -> None:
    rows, labels = problem()
    weights = np.random.default_rng(1).uniform(0.5, 2, len(rows))
    plain = NetworkClassifier(**PLAIN | {"epochs": 2}, random_state=0)
    table = {"benign": 3.0, "unknown": 0.5}  # the missing class has weight 1
    both = clone(plain).set_params(class_weight=table).fit(rows, labels, weights)
    product = compute_sample_weight(table, labels) * weights
    assert (both.theta_ == plain.fit(rows, labels, product).theta_).all()


def test_outputs_have_the_shape_of_targets() -> None:
    rows, _ = problem()
    for targets in (rows[:, 1], rows[:, 1:2], rows[:, 1:]):
        estimator = NetworkRegressor(epochs=100, random_state=0)
        assert estimator.fit(rows, targets).predict(rows[:7]).shape == targets[:7].shape
        assert estimator.score(rows, targets) > 0.9


def test_float32_rows_make_a_float32_network() -> None:
    rows, labels = problem()
    single = NetworkClassifier(epochs=2, random_state=0).fit(rows.astype(np.float32), labels)
    assert single.theta_.dtype == single.predict_proba(rows).dtype == np.float32


def test_random_state() -> None:
    rows, labels = problem()

    def theta(state: Any) -> Any:
        return NetworkClassifier(members=1, epochs=1, random_state=state).fit(rows, labels).theta_

    assert (theta(3) == theta(np.int64(3))).all()
    assert (theta(3) != theta(4)).any()
    assert (theta(np.random.RandomState(3)) == theta(np.random.RandomState(3))).all()
    one = np.random.RandomState(3)
    assert (theta(one) != theta(one)).any()
    assert (theta(None) != theta(None)).any()


def test_pipeline_search_and_cross_validation() -> None:
    learn, test, labels, truth = cancer()
    network = NetworkClassifier(epochs=5, learning_rate=0.01, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    assert cross_val_score(pipeline, learn, labels, cv=3, n_jobs=1).min() > 0.9
    grid = {  # NumPy scalars, as in arrays and samplers
        "networkclassifier__hidden": [(), (8,)],
        "networkclassifier__epochs": np.array([1, 8]),
        "networkclassifier__learning_rate": np.array([0.01], np.float32),
        "networkclassifier__class_weight": [None, "balanced"],
    }
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=1, error_score="raise").fit(learn, labels)
    assert search.best_params_["networkclassifier__epochs"] == 8
    assert search.score(test, truth) > 0.93
    names = {name.removeprefix("networkclassifier__") for name in grid}
    assert names <= network.get_params().keys()


@estimators
def test_pickle_round_trip(kind: Any) -> None:
    rows, targets = targets_for(kind)
    fitted = kind((4, {"name": "maxout", "units": 3}), epochs=2, random_state=0).fit(rows, targets)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(rows) == fitted.predict(rows)).all()
    assert again.get_params() == fitted.get_params()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 15}, "hidden must be a list of units or layers, got 15"),
        ({"hidden": (0,)}, "dense: units must be a positive integer, got 0"),
        ({"activation": "rely"}, "activation must be one of"),
        ({"epochs": 0}, r"training\.epochs must be a positive integer, got 0"),
        ({"training": {"l3": 1}}, "training has no 'l3': it takes optimizer, epochs"),
        ({"training": {"seed": 1}}, "must not hold seed: the estimator has its own random_state"),
        ({"training": {"l2": 1.0}}, "must not hold l2: the estimator has its own l2"),
        ({"early_stopping": {"patients": 1}}, "did you mean patience"),
        (
            {"members": 1, "early_stopping": True, "validation_fraction": 1.0},
            "validation_fraction must be",
        ),
        ({"class_weight": "even"}, "class_weight must be None, balanced or a table, got 'even'"),
        ({"class_weight": {"benign": -1}}, "weights must be finite, at least 0"),
    ],
)
def test_fit_rejects_invalid_hyperparameters(options: dict[str, Any], message: str) -> None:
    rows, labels = problem()
    estimator = NetworkClassifier(**options)  # scikit-learn's convention: no checks here
    with pytest.raises(ValueError, match=message):
        estimator.fit(rows, labels)
