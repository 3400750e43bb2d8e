"""The default model in the estimators: arguments replace parts of it."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra sklearn: make oracles")

from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from model.errors import NetworkError
from model.estimators import NetworkClassifier, NetworkRegressor, settings
from model.network.layers import Dense
from model.training.defaults import default_settings

ENSEMBLE: dict[str, Any] = {
    "scaling": {"method": "robust"},
    "network": {"hidden": [{"units": 6, "activation": "tanh"}]},
    "training": {
        "optimizer": "nadam",
        "learning_rate": 0.02,
        "epochs": 15,
        "batch_size": 16,
        "average": 0.9,
        "schedule": "cosine",
        "early_stopping": {"patience": 4, "rows": "out-of-bag"},
    },
    "ensemble": {"members": 6, "folds": 3},
    "decision": {"calibration": "choose"},
}


@pytest.fixture
def _ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an ensemble the default model."""
    monkeypatch.setattr(settings, "default_settings", lambda *_: ENSEMBLE)


def cancer() -> tuple[Any, ...]:
    rows, labels = load_breast_cancer(return_X_y=True)
    return tuple(train_test_split(rows, labels, stratify=labels, random_state=0))


def test_the_size_of_the_table_chooses_the_default_model(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def recorded(*size: Any) -> dict[str, Any]:
        seen.append(size)
        return default_settings(*size)

    monkeypatch.setattr(settings, "default_settings", recorded)
    rows = np.random.default_rng(0).standard_normal((30, 3))
    labels, numbers = rows > 0, np.arange(30) % 3
    NetworkClassifier(epochs=1).fit(rows, labels[:, 0])
    NetworkClassifier(epochs=1).fit(rows.repeat(2, axis=0), numbers.repeat(2))
    NetworkClassifier(epochs=1).fit(rows[:, :2], labels.astype(int), np.arange(30) % 2)
    NetworkRegressor(epochs=1).fit(rows, rows)
    assert seen == [
        ("binary", 30, 3),
        ("multi_class", 30, 3),  # equal rows count once
        ("multi_label", 15, 2),  # rows of weight 0 do not
        ("regression", 30, 3),
    ]


@pytest.mark.usefixtures("_ensemble")
def test_arguments_that_are_none_take_the_default_model() -> None:
    learn, _, labels, _ = cancer()
    model = NetworkClassifier(random_state=3).fit(learn, labels)
    assert model.theta_.shape == (6, 6 * 31 + 7)
    assert model.network_.layers[0] == Dense(6, "tanh")
    training = model._progress.training
    assert (training.optimizer.name, training.rates) == ("nadam", (0.02,))
    assert (training.average, training.batch_size, training.seed) == (0.9, 16, 3)
    assert training.schedule is not None
    assert (training.early_stopping.patience, training.early_stopping.rows) == (4, "out-of-bag")
    assert model.history_.best.monitored == model.history_.best.out_of_bag_loss
    assert model.get_params()["hidden"] is None  # the arguments are not changed
    again = clone(model).fit(learn, labels)
    assert (again.theta_ == model.theta_).all()


@pytest.mark.usefixtures("_ensemble")
def test_arguments_replace_parts_of_the_default_model() -> None:
    learn, test, labels, truth = cancer()

    def fitted(**arguments: Any) -> Any:
        return NetworkClassifier(random_state=0, **arguments).fit(learn, labels)

    assert fitted(hidden=(3, 2), members=2).theta_.shape == (2, 31 * 3 + 4 * 2 + 3)
    assert fitted(activation="relu").network_.layers[0] == Dense(6, "relu")
    single = fitted(members=1)
    assert single.theta_.ndim == 1
    assert single.history_.best.validation_loss < 0.3  # held-out rows
    whole = fitted(bagged=False, early_stopping=False)
    assert whole.history_.best.out_of_bag_loss is whole.history_.best.validation_loss is None
    own = fitted(early_stopping={"patience": 1}).history_.best
    assert own.out_of_bag_loss is not None
    given = NetworkClassifier(random_state=0).fit(learn, labels, X_val=test, y_val=truth)
    assert given.history_.best.validation_loss == min(given.history_.column("validation_loss"))
    assert fitted(optimizer="adam")._progress.training.rates == (0.001,)  # the optimizer's own
    assert fitted(training={"average": 0.5})._progress.training.average == 0.5
    unscaled = fitted(scale=False, epochs=1)
    assert (unscaled._encoder.encode(learn[:5]) == learn[:5]).all()
    partly = NetworkClassifier(random_state=0).partial_fit(learn, labels, np.unique(labels))
    assert partly.theta_.shape == (6, 6 * 31 + 7)
    assert partly.partial_fit(learn, labels).n_iter_ == 2


@pytest.mark.usefixtures("_ensemble")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"members": 0}, "members must be a positive integer, got 0"),
        ({"members": 1, "bagged": True}, "bagged needs at least 2 members"),
        ({"members": 1, "calibrate": True}, "calibrate needs bagged members"),
        ({"bagged": False, "calibrate": True}, "calibrate needs bagged members"),
    ],
)
def test_arguments_that_contradict_each_other(arguments: dict[str, Any], message: str) -> None:
    rows = np.random.default_rng(0).standard_normal((30, 3))
    with pytest.raises(NetworkError, match=message):
        NetworkClassifier(**arguments).fit(rows, rows[:, 0] > 0)
    with pytest.raises(NetworkError, match="calibrate is for classes"):
        NetworkRegressor(calibrate=True).fit(rows, rows[:, 0])
    with pytest.raises(NetworkError, match="bagged is for fit only"):
        NetworkRegressor(bagged=True).partial_fit(rows, rows[:, 0])


@pytest.mark.usefixtures("_ensemble")
@pytest.mark.parametrize("classes", [2, 3, "labels"])
def test_calibration_mends_probabilities_that_are_too_sure(classes: Any) -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((600, 5))
    noisy = rows[:, :3] + generator.normal(0, 2, (600, 3))
    targets = (noisy > 0).astype(int)
    if classes != "labels":
        targets = noisy[:, :classes].argmax(axis=1)
    sure: dict[str, Any] = {"hidden": (100,), "epochs": 60, "early_stopping": False}
    sure |= {"members": 3, "random_state": 0, "training": {"average": None, "schedule": None}}
    plain = NetworkClassifier(**sure, calibrate=False).fit(rows[:300], targets[:300])
    mended = NetworkClassifier(**sure).fit(rows[:300], targets[:300])
    assert (plain.theta_ == mended.theta_).all()

    def loss(model: Any) -> float:
        probabilities, truth = model.predict_proba(rows[300:]), targets[300:]
        np.testing.assert_allclose(np.exp(model.predict_log_proba(rows[300:])), probabilities)
        if classes != "labels":
            return float(log_loss(truth, probabilities))
        return float(-np.log(np.where(truth, probabilities, 1 - probabilities)).mean())

    assert loss(mended) < loss(plain) - 0.02


def test_strong_without_arguments() -> None:
    learn, test, labels, truth = cancer()
    model = NetworkClassifier(random_state=0).fit(learn, labels)
    assert log_loss(truth, model.predict_proba(test)) < 0.13
    rows, numbers = load_diabetes(return_X_y=True, scaled=False)
    learn, test, known, values = train_test_split(rows, numbers, random_state=0)
    assert NetworkRegressor(random_state=0).fit(learn, known).score(test, values) > 0.3
