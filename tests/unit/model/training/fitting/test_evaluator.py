"""Losses of records: out-of-bag predictions, their weights, and the epoch that is kept."""

from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import TrainingError
from model.network.layers import Dense
from model.network.network import Network
from model.training.batches.rows import EncodedRows, Rows
from model.training.config import Training
from model.training.fitting import evaluator
from model.training.fitting.evaluator import Evaluator, OutOfBagEvaluator
from model.training.fitting.loop import minimize

MEMBERS, ROWS = 3, 8
GENERATOR = np.random.default_rng(0)
X = GENERATOR.standard_normal((ROWS, 2))
WEIGHTS = GENERATOR.uniform(0.5, 3, ROWS)
BAGS = np.array([[1, 1, 2, 0, 0, 1, 3, 0], [1, 0, 0, 2, 1, 1, 0, 3], [2, 1, 0, 1, 1, 0, 1, 2.0]])
OUTSIDE = BAGS == 0
KNOWN = OUTSIDE.any(axis=0)  # all rows but the first
CLASSES = np.array([0, 1, 2, 1, 0, 2, 1, 0])
TARGETS: dict[str, Array] = {
    "binary_cross_entropy": (CLASSES > 0)[:, None].astype(float),
    "sparse_categorical_cross_entropy": CLASSES[:, None],
    "mean_squared_error": X @ np.array([[1.0, -1.0], [0.5, 2.0]]),
}


def network(loss: str, smoothing: float = 0.0, dtype: str = "float64") -> Network:
    units = {"binary_cross_entropy": 1, "sparse_categorical_cross_entropy": 3}.get(loss, 2)
    table = {"name": loss, "label_smoothing": smoothing} if smoothing else loss
    return Network([Dense(4, "tanh"), Dense(units)], 2, table, dtype)


def weights_of(net: Network) -> Array:
    return net.initial_parameters([np.random.default_rng(k) for k in range(MEMBERS)])


def row_losses(loss: str, predictions: Array) -> Array:
    """Return the loss of each row from its predictions, shape (N,)."""
    targets = TARGETS[loss]
    if loss == "mean_squared_error":
        return np.asarray(np.square(predictions - targets).mean(axis=1))
    if loss == "binary_cross_entropy":
        return np.asarray(-np.log(np.where(targets, predictions, 1 - predictions))[:, 0])
    return np.asarray(-np.log(predictions[np.arange(ROWS), targets[:, 0]]))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("chunk", [3, 100])
def test_out_of_bag_loss_is_that_of_averaged_predictions(
    monkeypatch: pytest.MonkeyPatch, loss: str, weights: Array | None, chunk: int
) -> None:
    monkeypatch.setattr(evaluator, "CHUNK_ROWS", chunk)
    net = network(loss)
    theta = weights_of(net)
    rows = EncodedRows(net, Rows(X, TARGETS[loss], weights, BAGS), MEMBERS)
    both = OutOfBagEvaluator(net, rows)
    train, found, metrics = both.evaluate_both(theta)

    members = net.predict(theta, X)
    means = np.array(
        [members[OUTSIDE[:, row], row].mean(axis=0) if KNOWN[row] else members[:, row].mean(axis=0)
         for row in range(ROWS)]
    )  # fmt: skip
    own = np.ones(ROWS) if weights is None else weights
    assert found == pytest.approx(
        np.average(row_losses(loss, means)[KNOWN], weights=own[KNOWN]), rel=1e-12
    )
    assert train == pytest.approx(Evaluator(net, rows).evaluate(theta)[0], rel=1e-12)
    if loss == "sparse_categorical_cross_entropy":
        expected = (means.argmax(axis=1) == CLASSES)[KNOWN].mean()
        assert metrics == {"accuracy": pytest.approx(expected)}


def test_label_smoothing_is_not_part_of_the_out_of_bag_loss() -> None:
    loss, losses = "sparse_categorical_cross_entropy", []
    for smoothing in (0.0, 0.3):
        net = network(loss, smoothing)
        rows = EncodedRows(net, Rows(X, TARGETS[loss], None, BAGS), MEMBERS)
        losses.append(OutOfBagEvaluator(net, rows).evaluate_both(weights_of(net)))
    assert losses[0][1] == losses[1][1]
    assert losses[0][0] != losses[1][0]


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "sparse_categorical_cross_entropy"])
def test_certain_and_wrong_members_have_a_finite_loss(loss: str) -> None:
    net = network(loss, dtype="float32")
    rows = EncodedRows(net, Rows(X, TARGETS[loss], None, BAGS), MEMBERS)
    _, found, _ = OutOfBagEvaluator(net, rows).evaluate_both(weights_of(net) * np.float32(1e4))
    assert 1 < found < -np.log(1e-16)


def test_large_tables_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "OUT_OF_BAG_ROWS", 5)
    net = network("mean_squared_error")
    rows = EncodedRows(net, Rows(X, TARGETS["mean_squared_error"], None, BAGS), MEMBERS)
    sampled = OutOfBagEvaluator(net, rows)
    chosen = np.sort(np.random.default_rng(0).choice(ROWS, 5, replace=False))
    part = Rows(X[chosen], TARGETS["mean_squared_error"][chosen], None, BAGS[:, chosen])
    alone = OutOfBagEvaluator(net, EncodedRows(net, part, MEMBERS))
    assert sampled.evaluate_both(weights_of(net))[1] == alone.evaluate_both(weights_of(net))[1]


@pytest.mark.parametrize(
    ("bags", "message"),
    [
        (None, "out-of-bag rows need a bagged ensemble"),
        (np.ones((MEMBERS, ROWS)), "no row is out of any member's bag"),
    ],
)
def test_early_stopping_needs_out_of_bag_rows(bags: Array | None, message: str) -> None:
    net = network("mean_squared_error")
    settings = training(early_stopping={"rows": "out-of-bag"})
    with pytest.raises(TrainingError, match=f"^training.early_stopping: {message}$"):
        minimize(net, weights_of(net), settings, Rows(X, TARGETS["mean_squared_error"], None, bags))


def training(**more: Any) -> Training:
    values = {"optimizer": "adam", "learning_rate": 0.05, "epochs": 300, **more}
    return Training(**values)


@pytest.mark.parametrize("average", [None, 0.8])
@pytest.mark.parametrize("report_every", [1, 7])
def test_kept_weights_have_the_lowest_out_of_bag_loss(
    average: float | None, report_every: int
) -> None:
    loss = "binary_cross_entropy"
    net = network(loss)
    given: Any = {"early_stopping": {"patience": 4, "rows": "out-of-bag"}}
    settings = training(average=average, report_every=report_every, **given)
    rows = Rows(X, TARGETS[loss], WEIGHTS, BAGS)
    result = minimize(net, weights_of(net), settings, rows)
    losses = result.history.column("out_of_bag_loss")
    assert losses.index(min(losses)) == len(losses) - 6
    assert result.epoch == report_every * (len(losses) - 6)
    held = OutOfBagEvaluator(net, EncodedRows(net, rows, MEMBERS))
    assert held.evaluate_both(result.theta)[1] == min(losses)
    assert result.history.column("validation_loss") == [None] * len(losses)


def test_validation_rows_are_recorded_but_not_monitored() -> None:
    loss = "binary_cross_entropy"
    net = network(loss)
    settings = training(epochs=5, early_stopping={"rows": "out-of-bag"})
    rows, validation = Rows(X, TARGETS[loss], None, BAGS), Rows(-X, TARGETS[loss])
    result = minimize(net, weights_of(net), settings, rows, validation)
    record = result.history.records[-1]
    assert record.monitored == record.out_of_bag_loss != record.validation_loss
    alone = minimize(net, weights_of(net), settings, rows)
    assert alone.theta.tobytes() == result.theta.tobytes()
