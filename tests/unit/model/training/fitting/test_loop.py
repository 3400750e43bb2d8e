"""The training loop: steps, records, schedules, what ends it, and what it leaves alone."""

from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import NetworkError, TrainingError
from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.history import Record
from model.training.fitting.loop import DivergedError, minimize

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = np.array([[0.0], [0.0], [1.0], [1.0]])
ROWS = Rows(X, Y)
LINE = Network([Dense(1)], inputs=1)


def training(epochs: int, rate: float | list[float] = 0.5, **more: Any) -> Training:
    values = {"optimizer": "gradient_descent", "learning_rate": rate, "epochs": epochs, **more}
    return Training(**values)


def noisy(rows: int = 60, seed: int = 0) -> Rows:
    """Two numbers, and a label that mostly depends on them."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((rows, 2))
    return Rows(inputs, inputs.sum(axis=1) + generator.standard_normal(rows) > 0)


def deep(*, dtype: str = "float64") -> tuple[Network, Array]:
    network = Network([Dense(8, "relu"), Dropout(0.2), Dense(1)], inputs=2, dtype=dtype)
    return network, network.initial_parameters(np.random.default_rng(1))


# Steps


def test_steps_are_those_of_plain_gradient_descent() -> None:
    theta = np.array([0.1, -0.2])
    weight, bias = theta
    for _ in range(25):
        p = 1 / (1 + np.exp(-(weight * X + bias)))
        weight, bias = weight - 0.5 * ((p - Y) * X).mean(), bias - 0.5 * (p - Y).mean()
    outcome = minimize(LINE, theta, training(25), ROWS)
    assert outcome.theta == pytest.approx([weight, bias], abs=1e-14)
    assert (outcome.epoch, outcome.interrupted) == (25, False)
    assert theta.tolist() == [0.1, -0.2]


def test_same_seed_same_weights() -> None:
    network, theta = deep()
    how = training(5, batch_size=7, augmentation=["mixup"], average=0.9)
    once, twice = (minimize(network, theta, how, noisy(), noisy(seed=2)) for _ in range(2))
    assert (once.theta == twice.theta).all()
    assert once.history == twice.history
    other = training(5, batch_size=7, augmentation=["mixup"], average=0.9, seed=1)
    assert (minimize(network, theta, other, noisy()).theta != once.theta).all()


def test_a_layer_whose_rate_is_zero_stays() -> None:
    network, theta = deep()
    how = training(3, layer_rates=[0, 1, 0.5])
    found, start = minimize(network, theta, how, noisy()).theta, theta
    frozen = slice(0, 8 * 3)
    assert (found[frozen] == start[frozen]).all()
    assert (found[8 * 3 :] != start[8 * 3 :]).all()
    with pytest.raises(NetworkError, match="one for each of the 3 layers, got 2"):
        minimize(network, theta, training(3, layer_rates=[0, 1]), noisy())


def test_members_learn_as_they_would_apart() -> None:
    network = Network([Dense(8, "relu"), Dense(1)], inputs=2)
    theta = network.initial_parameters([np.random.default_rng(k) for k in range(3)])
    rates, rows = [0.1, 0.5, 1.0], noisy()
    how = training(20, rates, batch_size=16, schedule={"name": "cosine"}, clip_norm=0.3)
    together = minimize(network, theta, how, rows)
    for member, rate in enumerate(rates):
        how = training(20, rate, batch_size=16, schedule={"name": "cosine"}, clip_norm=0.3)
        alone = minimize(network, theta[member], how, rows)
        np.testing.assert_allclose(together.theta[member], alone.theta, rtol=1e-10, atol=1e-12)


# Records


def test_records_are_of_the_weights_after_their_epoch() -> None:
    theta = np.zeros(2)
    how = training(10, report_every=4)
    history = minimize(LINE, theta, how, ROWS, Rows(X[:1], Y[:1])).history
    assert history.column("epoch") == history.column("step") == [0, 4, 8, 10]
    assert history.records[0].train_loss == pytest.approx(np.log(2))
    assert history.records[0].gradient_norm is None
    for record in history.records[1:]:
        found = minimize(LINE, theta, training(record.epoch), ROWS).theta
        assert record.train_loss == pytest.approx(float(LINE.loss_of(found, X, Y)), rel=1e-14)
        expected = float(LINE.loss_of(found, X[:1], Y[:1]))
        assert record.validation_loss == pytest.approx(expected, rel=1e-14)
        accuracy = float(((LINE.predict(found, X[:1]) > 0.5) == Y[:1]).mean())
        assert record.metrics == {"accuracy": accuracy}
    assert history.records[1].gradient_norm is not None


def test_losses_are_without_dropout_or_penalty() -> None:
    network, theta = deep()
    rows = noisy()
    record = minimize(network, theta, training(1, 1e-9, l2=5.0), rows).history.records[-1]
    assert record.train_loss == pytest.approx(
        float(network.loss_of(theta, rows.inputs, rows.targets)), rel=1e-6
    )


def test_rates_of_a_schedule_are_recorded() -> None:
    how = training(4, 0.5, batch_size=2, schedule={"name": "step", "every": 2, "factor": 0.1})
    rates = minimize(LINE, np.zeros(2), how, ROWS).history.column("rate")
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.005, 0.0005])


def test_a_schedule_without_steps_takes_the_whole_training() -> None:
    for schedule in ("cosine", {"name": "warm_up", "steps": 2, "then": "cosine"}):
        how = training(10, schedule=schedule)
        rates = minimize(LINE, np.zeros(2), how, ROWS).history.column("rate")
        assert 0 < rates[-1] < 0.05 < max(rates) <= 0.5


def test_a_plateau_lowers_the_rate() -> None:
    schedule = {"name": "reduce_on_plateau", "patience": 2, "factor": 0.1}
    how = training(30, 0.5, schedule=schedule)
    validation = Rows(X, 1 - Y)  # gets worse
    rates = minimize(LINE, np.zeros(2), how, ROWS, validation).history.column("rate")
    assert rates[0] == 0.5
    assert rates[-1] < 1e-5
    assert rates == sorted(rates, reverse=True)


# What ends it


def test_the_best_epoch_is_restored() -> None:
    network, theta = deep()
    how = training(200, 1.0, batch_size=8, early_stopping={"patience": 15})
    rows, validation = noisy(20), noisy(40, seed=5)
    outcome = minimize(network, theta, how, rows, validation)
    losses = outcome.history.column("validation_loss")
    assert outcome.epoch == int(np.argmin(losses))
    assert len(losses) == outcome.epoch + 15 + 2  # patience, one more, and epoch 0
    found = float(network.loss_of(outcome.theta, validation.inputs, validation.targets))
    assert found == pytest.approx(min(losses), rel=1e-14)
    again = minimize(network, theta, training(outcome.epoch, 1.0, batch_size=8), rows)
    assert (again.theta == outcome.theta).all()


def test_early_stopping_needs_validation_rows() -> None:
    with pytest.raises(TrainingError, match=r"^training.early_stopping needs validation rows$"):
        minimize(LINE, np.zeros(2), training(3, early_stopping={}), ROWS)


def test_a_watch_hears_every_step_and_may_end_it() -> None:
    heard: list[tuple[float, int]] = []

    def watch(done: float, record: Record) -> bool:
        heard.append((done, record.epoch))
        return done == 2.5

    outcome = minimize(LINE, np.zeros(2), training(9, batch_size=2), ROWS, watch=watch)
    assert heard == [(0.5, 0), (1.0, 0), (1.5, 1), (2.0, 1), (2.5, 2)]
    assert outcome.interrupted
    assert outcome.history.column("step") == [0, 2, 4, 5]


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    with pytest.raises(DivergedError, match=r"at step 0, epoch 0, with learning rate 0\.5: try"):
        minimize(LINE, np.array([np.nan, 0.0]), training(5), ROWS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_diverging_training_keeps_the_last_good_weights(dtype: str) -> None:
    network = Network([Dense(1)], inputs=1, loss="mean_squared_error", dtype=dtype)
    why = r"no longer a number at step \d+, epoch \d+, with learning rate 50: .* lr-find suggests"
    with pytest.raises(DivergedError, match=why) as error:
        minimize(network, np.zeros(2, dtype), training(999, 50, batch_size=2), ROWS)
    kept = error.value.theta
    assert np.isfinite(kept).all()
    assert kept.any()
    assert np.isfinite(network.loss_of(kept, X, Y))
    assert error.value.history.records
