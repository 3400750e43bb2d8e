"""The training loop: steps, records, schedules, early stopping, callbacks and divergence."""

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


def noisy_rows(rows: int = 60, seed: int = 0) -> Rows:
    """Return two numbers, and a label that mostly depends on them."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((rows, 2))
    return Rows(inputs, inputs.sum(axis=1) + generator.standard_normal(rows) > 0)


def small_network(*, dtype: str = "float64") -> tuple[Network, Array]:
    network = Network([Dense(8, "relu"), Dropout(0.2), Dense(1)], inputs=2, dtype=dtype)
    return network, network.initial_parameters(np.random.default_rng(1))


# Steps


def test_steps_equal_plain_gradient_descent() -> None:
    theta = np.array([0.1, -0.2])
    weight, bias = theta
    for _ in range(25):
        p = 1 / (1 + np.exp(-(weight * X + bias)))
        weight, bias = weight - 0.5 * ((p - Y) * X).mean(), bias - 0.5 * (p - Y).mean()
    result = minimize(LINE, theta, training(25), ROWS)
    assert result.theta == pytest.approx([weight, bias], abs=1e-14)
    assert (result.epoch, result.interrupted) == (25, False)
    assert theta.tolist() == [0.1, -0.2]


def test_same_seed_gives_the_same_weights() -> None:
    network, theta = small_network()
    settings = training(5, batch_size=7, augmentation=["mixup"], average=0.9)
    once, twice = (
        minimize(network, theta, settings, noisy_rows(), noisy_rows(seed=2)) for _ in range(2)
    )
    assert (once.theta == twice.theta).all()
    assert once.history == twice.history
    other = training(5, batch_size=7, augmentation=["mixup"], average=0.9, seed=1)
    assert (minimize(network, theta, other, noisy_rows()).theta != once.theta).all()


def test_layer_with_rate_zero_is_frozen() -> None:
    network, theta = small_network()
    settings = training(3, layer_rates=[0, 1, 0.5])
    found, start = minimize(network, theta, settings, noisy_rows()).theta, theta
    frozen = slice(0, 8 * 3)
    assert (found[frozen] == start[frozen]).all()
    assert (found[8 * 3 :] != start[8 * 3 :]).all()
    with pytest.raises(NetworkError, match="one for each of the 3 layers, got 2"):
        minimize(network, theta, training(3, layer_rates=[0, 1]), noisy_rows())


def test_members_train_like_single_networks() -> None:
    network = Network([Dense(8, "relu"), Dense(1)], inputs=2)
    theta = network.initial_parameters([np.random.default_rng(k) for k in range(3)])
    rates, rows = [0.1, 0.5, 1.0], noisy_rows()
    settings = training(20, rates, batch_size=16, schedule={"name": "cosine"}, clip_norm=0.3)
    together = minimize(network, theta, settings, rows)
    for member, rate in enumerate(rates):
        settings = training(20, rate, batch_size=16, schedule={"name": "cosine"}, clip_norm=0.3)
        single = minimize(network, theta[member], settings, rows)
        np.testing.assert_allclose(together.theta[member], single.theta, rtol=1e-10, atol=1e-12)


# Records


def test_records_evaluate_the_weights_after_their_epoch() -> None:
    theta = np.zeros(2)
    settings = training(10, report_every=4)
    history = minimize(LINE, theta, settings, ROWS, Rows(X[:1], Y[:1])).history
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


def test_recorded_losses_exclude_dropout_and_penalties() -> None:
    network, theta = small_network()
    rows = noisy_rows()
    record = minimize(network, theta, training(1, 1e-9, l2=5.0), rows).history.records[-1]
    assert record.train_loss == pytest.approx(
        float(network.loss_of(theta, rows.inputs, rows.targets)), rel=1e-6
    )


def test_scheduled_rates_are_recorded() -> None:
    settings = training(4, 0.5, batch_size=2, schedule={"name": "step", "every": 2, "factor": 0.1})
    rates = minimize(LINE, np.zeros(2), settings, ROWS).history.column("rate")
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.005, 0.0005])


def test_schedule_without_steps_spans_the_training() -> None:
    for schedule in ("cosine", {"name": "warm_up", "steps": 2, "then": "cosine"}):
        settings = training(10, schedule=schedule)
        rates = minimize(LINE, np.zeros(2), settings, ROWS).history.column("rate")
        assert 0 < rates[-1] < 0.05 < max(rates) <= 0.5


def test_plateau_reduces_the_rate() -> None:
    schedule = {"name": "reduce_on_plateau", "patience": 2, "factor": 0.1}
    settings = training(30, 0.5, schedule=schedule)
    validation = Rows(X, 1 - Y)  # gets worse
    rates = minimize(LINE, np.zeros(2), settings, ROWS, validation).history.column("rate")
    assert rates[0] == 0.5
    assert rates[-1] < 1e-5
    assert rates == sorted(rates, reverse=True)


# Ends of a training


def test_early_stopping_restores_the_best_epoch() -> None:
    network, theta = small_network()
    settings = training(200, 1.0, batch_size=8, early_stopping={"patience": 15})
    rows, validation = noisy_rows(20), noisy_rows(40, seed=5)
    result = minimize(network, theta, settings, rows, validation)
    losses = result.history.column("validation_loss")
    assert result.epoch == int(np.argmin(losses))
    assert len(losses) == result.epoch + 15 + 2  # patience, one more, and epoch 0
    found = float(network.loss_of(result.theta, validation.inputs, validation.targets))
    assert found == pytest.approx(min(losses), rel=1e-14)
    again = minimize(network, theta, training(result.epoch, 1.0, batch_size=8), rows)
    assert (again.theta == result.theta).all()


def test_early_stopping_needs_validation_rows() -> None:
    with pytest.raises(TrainingError, match=r"^training.early_stopping needs validation rows$"):
        minimize(LINE, np.zeros(2), training(3, early_stopping={}), ROWS)


def test_progress_callback_is_called_after_every_step_and_can_end_training() -> None:
    calls: list[tuple[float, int]] = []

    def watch(done: float, record: Record) -> bool:
        calls.append((done, record.epoch))
        return done == 2.5

    result = minimize(LINE, np.zeros(2), training(9, batch_size=2), ROWS, watch=watch)
    assert calls == [(0.5, 0), (1.0, 0), (1.5, 1), (2.0, 1), (2.5, 2)]
    assert result.interrupted
    assert result.history.column("step") == [0, 2, 4, 5]


def test_non_finite_loss_stops_the_training() -> None:
    with pytest.raises(DivergedError, match=r"at step 0, epoch 0, with learning rate 0\.5: try"):
        minimize(LINE, np.array([np.nan, 0.0]), training(5), ROWS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_diverged_error_has_the_last_finite_weights(dtype: str) -> None:
    network = Network([Dense(1)], inputs=1, loss="mean_squared_error", dtype=dtype)
    message = (
        r"no longer a number at step \d+, epoch \d+, with learning rate 50: .* lr-find suggests"
    )
    with pytest.raises(DivergedError, match=message) as error:
        minimize(network, np.zeros(2, dtype), training(999, 50, batch_size=2), ROWS)
    kept = error.value.theta
    assert np.isfinite(kept).all()
    assert kept.any()
    assert np.isfinite(network.loss_of(kept, X, Y))
    assert error.value.history.records
