import numpy as np
import pytest

from model.errors import TrainingError
from model.network.layers import Dense
from model.network.network import Network
from model.training.loop import History, minimize
from model.training.optimizers import GradientDescent

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = np.array([[0.0], [0.0], [1.0], [1.0]])


def test_steps_are_those_of_plain_gradient_descent() -> None:
    network = Network([Dense(1)], inputs=1)
    theta = np.array([0.1, -0.2])
    weight, bias = theta
    for _ in range(25):
        p = 1 / (1 + np.exp(-(weight * X + bias)))
        weight, bias = weight - 0.5 * ((p - Y) * X).mean(), bias - 0.5 * (p - Y).mean()
    minimize(network, theta, GradientDescent(0.5), (X, Y), (X, Y), 25, 25, lambda *_: None)
    assert theta == pytest.approx([weight, bias], abs=1e-14)


def test_losses_are_reported_before_the_update_and_after_the_last() -> None:
    network = Network([Dense(1)], inputs=1)
    theta = np.zeros(2)
    history = History()
    minimize(network, theta, GradientDescent(0.5), (X, Y), (X[:1], Y[:1]), 10, 4, history.add)
    assert history.iterations == [0, 4, 8, 10]
    assert history.train_loss[0] == pytest.approx(np.log(2))
    assert history.train_loss[-1] == pytest.approx(network.loss_of(theta, X, Y))
    assert history.validation_loss[-1] == pytest.approx(network.loss_of(theta, X[:1], Y[:1]))
    assert history.train_loss == sorted(history.train_loss, reverse=True)


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    network = Network([Dense(1)], inputs=1)
    theta = np.array([np.nan, 0.0])
    with pytest.raises(TrainingError, match=r"number at iteration 0 with learning rate 0\.5: try"):
        minimize(network, theta, GradientDescent(0.5), (X, Y), (X, Y), 5, 1, lambda *_: None)


def test_a_diverging_training_keeps_the_last_good_weights() -> None:
    network = Network([Dense(1)], inputs=1, loss="mean_squared_error")
    theta = np.zeros(2)
    with pytest.raises(TrainingError, match=r"no longer a number at iteration \d+ with learning"):
        minimize(network, theta, GradientDescent(50), (X, Y), (X, Y), 999, 999, lambda *_: None)
    assert np.isfinite(theta).all()
    assert theta.any()
