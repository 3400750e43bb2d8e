"""partial_fit: epoch by epoch, with the optimizer's state kept between calls."""

import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="compares with scikit-learn: make oracles")

from model.errors import NetworkError
from model.estimators import NetworkClassifier, NetworkRegressor
from model.network.layers import Dropout
from model.training.fitting.loop import DivergedError

estimators = pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])


# Without bags and early stopping, which need all rows and a last epoch.
ENDLESS: dict[str, Any] = {"early_stopping": False, "bagged": False}


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


@estimators
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"members": 3},
        {"scale": False},
        {"optimizer": "momentum", "learning_rate": 0.01, "batch_size": "full"},
        {"hidden": (8, Dropout(0.2)), "l2": 0.01, "training": {"average": 0.9, "max_norm": 1.0}},
        {"training": {"augmentation": [{"name": "jitter", "standard_deviation": 0.1}]}},
        {"training": {"schedule": {"name": "reduce_on_plateau", "patience": 1}}},
    ],
)
def test_epoch_by_epoch_equals_one_fit(kind: Any, options: dict[str, Any]) -> None:
    rows, targets = targets_for(kind)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(rows))
    classes = {"classes": np.unique(targets)} if kind is NetworkClassifier else {}
    steps = kind(random_state=0, **options)
    for epoch in range(6):
        steps.partial_fit(rows, targets, sample_weight=weights, **classes)
        assert steps.n_iter_ == epoch + 1
        if epoch == 3:
            steps = pickle.loads(pickle.dumps(steps))  # as if in another process
    once = kind(random_state=0, epochs=6, **ENDLESS, **options).fit(rows, targets, weights)
    assert (steps.theta_ == once.theta_).all()
    assert steps.history_ == once.history_
    assert steps.loss_ == once.loss_
    losses = steps.history_.column("train_loss")
    assert losses[-1] < losses[0]


@estimators
def test_partial_fit_continues_after_fit(kind: Any) -> None:
    rows, targets = targets_for(kind)
    longer = kind(epochs=5, random_state=0, **ENDLESS).fit(rows, targets)
    shorter = (
        kind(epochs=4, random_state=0, **ENDLESS).fit(rows, targets).partial_fit(rows, targets)
    )
    assert (shorter.theta_ == longer.theta_).all()
    restarted = shorter.set_params(epochs=5).fit(rows, targets)
    assert (restarted.theta_ == longer.theta_).all()
    assert restarted.n_iter_ == 5


def test_partial_fit_takes_other_rows_and_batches() -> None:
    rows, labels = problem(rows=300)
    estimator = NetworkClassifier(learning_rate=0.01, random_state=0)
    for epoch in range(30):
        for start in (0, 70, 133):
            part = slice(start, start + 70 - start % 7)
            classes = np.unique(labels) if epoch == start == 0 else None
            estimator.partial_fit(rows[part], labels[part], classes)
    assert estimator.n_iter_ == 90
    assert [each.epoch for each in estimator.history_.records] == list(range(91))
    assert estimator.score(rows[210:], labels[210:]) > 0.8


def test_a_failed_epoch_changes_no_weights() -> None:
    rows, labels = problem()
    options: dict[str, Any] = {
        "optimizer": "gradient_descent",
        "learning_rate": 1e200,
        "hidden": (3,),
    }
    estimator = NetworkRegressor(**options)
    with pytest.raises(DivergedError, match="no longer a number"):
        estimator.partial_fit(rows, rows[:, 1])
    assert not hasattr(estimator, "theta_")
    fitted = NetworkClassifier(random_state=0, epochs=1).fit(rows, labels)
    before = fitted.theta_.copy()
    with pytest.raises(ValueError, match="weights must be finite, at least 0"):
        fitted.partial_fit(rows, labels, sample_weight=-np.ones(len(rows)))
    assert (fitted.theta_ == before).all()
    assert fitted.n_iter_ == 1


def test_partial_fit_rejects_invalid_arguments() -> None:
    rows, labels = problem()
    known = np.unique(labels)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        NetworkClassifier().partial_fit(rows, labels)
    with pytest.raises(ValueError, match=r"y must hold classes .* only, got .*unknown"):
        NetworkClassifier().partial_fit(rows, labels, known[:2])
    with pytest.raises(ValueError, match="must not be balanced in partial_fit"):
        NetworkClassifier(class_weight="balanced").partial_fit(rows, labels, known)
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        NetworkClassifier(epochs=1).fit(rows, labels).partial_fit(rows, labels, known[:2])
    for options in ({"early_stopping": True}, {"training": {"schedule": "cosine"}}):
        with pytest.raises(NetworkError, match="early_stopping and schedule are for fit"):
            NetworkClassifier(**options).partial_fit(rows, labels, known)
    with pytest.raises(ValueError, match="at least two classes, y has 1 class"):
        NetworkClassifier().fit(rows, np.ones(len(rows)))
