import pickle
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import NetworkError
from model.network.autograd.gradient_check import gradient_error
from model.network.layers import Dense, Residual, layer_from
from model.network.network import Network, network_from


def rows_and_targets(features: int, rows: int = 12) -> tuple[Any, Any]:
    generator = np.random.default_rng(3)
    x = generator.standard_normal((rows, features))
    return x, (generator.uniform(size=(rows, 1)) > 0.5).astype(float)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", None])
@pytest.mark.parametrize("hidden", [[], [1], [5], [4, 3], [1, 1, 2]])
def test_gradient_equals_central_difference(hidden: list[int], activation: str | None) -> None:
    network = Network([*(Dense(units, activation) for units in hidden), Dense(1)], inputs=3)
    theta = network.initial_parameters(np.random.default_rng(5))
    theta += 0.1  # nonzero biases
    assert gradient_error(network, theta, *rows_and_targets(3)) < 1e-7


def test_gradient_check_detects_a_wrong_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network([Dense(4, "relu"), Dense(1)], inputs=3)
    theta = network.initial_parameters(np.random.default_rng(5))
    monkeypatch.setattr(np, "sign", lambda _y, out: np.copyto(out, 1))
    assert gradient_error(network, theta, *rows_and_targets(3)) > 1e-4


def test_one_dense_unit_is_logistic_regression() -> None:
    network = Network([Dense(1)], inputs=2)
    theta = np.array([0.5, -2.0, 0.25])  # w1, w2, b
    expected = 1 / (1 + np.exp(-(0.5 * 3 - 2.0 * 1 + 0.25)))
    assert network.predict(theta, [[3.0, 1.0]]) == pytest.approx(expected, abs=1e-15)


@given(st.floats(-800, 800))
def test_probabilities_are_exact_at_both_ends(logit: float) -> None:
    network = Network([Dense(1)], inputs=1)
    low = network.predict(np.array([1.0, 0.0]), [[-abs(logit)]])[0, 0]
    assert low == pytest.approx(np.exp(-np.logaddexp(0, abs(logit))), rel=1e-12)


def test_loss_of_extreme_logits_is_finite() -> None:
    network = Network([Dense(1)], inputs=1)
    theta = np.array([1.0, 0.0])
    assert network.loss_of(theta, [[-1e4]], [[1.0]]) == 1e4
    assert network.loss_of(theta, [[-1e4]], [[0.0]]) == 0.0
    assert network.loss_of(theta, [[-1e4], [-1e4]], [[1.0], [0.0]], [1, 3]) == 0.25e4


def test_predict_is_pure_from_many_threads() -> None:
    network = Network([Dense(8, "sigmoid"), Dense(1)], inputs=3)
    theta = network.initial_parameters(np.random.default_rng(0))
    batches = [np.random.default_rng(i).standard_normal((50, 3)) for i in range(8)]
    expected = [network.predict(theta, batch) for batch in batches]
    is_equal = [False] * 8

    def predict(index: int) -> None:
        results = [network.predict(theta, batches[index]) for _ in range(50)]
        is_equal[index] = all(np.array_equal(result, expected[index]) for result in results)

    threads = [threading.Thread(target=predict, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(is_equal)


def test_description_round_trip() -> None:
    network = Network([Dense(4, "relu", "lecun_normal"), Dense(1)], inputs=3, dtype="float32")
    rebuilt = network_from(network.describe())
    assert rebuilt.describe() == network.describe()
    assert rebuilt.layers == network.layers


def test_deep_networks_are_pickled() -> None:
    network = Network([Residual([Dense(3)] * 400), Dense(1)], inputs=3)
    assert pickle.loads(pickle.dumps(network)).describe() == network.describe()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "a network needs at least one layer"),
        (
            [Dense(1, "softmax")],
            "takes logits and applies sigmoid itself: .* no activation, not softmax",
        ),
        (
            [Dense(1, "sigmoid")],
            "takes logits and applies sigmoid itself: .* no activation, not sigmoid",
        ),
    ],
)
def test_invalid_last_layer_is_rejected(layers: list[Dense], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        Network(layers, inputs=3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0, 2.0]], r"rows must have shape \(rows, 3\), got \(1, 2\)"),
        ([], r"rows must have shape \(rows, 3\), got \(0,\)"),
        (np.empty((0, 3)), "rows must have at least one row, got none"),
        ([[1.0, np.nan, 2.0]], "rows must be finite, row 0 column 1 is not"),
        ([["a", "b", "c"]], r"rows must be numbers of shape \(rows, 3\)"),
    ],
)
def test_invalid_rows_are_rejected(rows: Any, message: str) -> None:
    network = Network([Dense(1)], inputs=3)
    with pytest.raises(NetworkError, match=message):
        network.predict(np.zeros(4), rows)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({}, "layer dense needs its units"),
        ({"units": 0}, "units must be a positive integer, got 0"),
        ({"units": True}, "units must be a positive integer, got True"),
        ({"units": 2, "activation": "rel"}, "activation must be one of .*relu.*, got 'rel'"),
        ({"units": 2, "initializer": "he"}, "initializer must be one of .*he_normal.*, got 'he'"),
        ({"units": 2, "unit": 3}, "layer dense has no 'unit': did you mean units"),
    ],
)
def test_invalid_layer_is_rejected(description: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        layer_from(description)


def test_float32_stays_float32() -> None:
    network = Network([Dense(4, "relu"), Dense(1)], inputs=3, dtype="float32")
    theta = network.initial_parameters(np.random.default_rng(0))
    plan = network.compile(theta, 12)
    plan.load(*rows_and_targets(3))
    plan.step()
    assert theta.dtype == plan.gradient.dtype == network.predict(theta, np.ones((2, 3))).dtype
    assert theta.dtype == np.float32


def test_chunks_of_rows_give_the_same_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network([Dense(7, "tanh"), Dense(2)], inputs=3)
    theta = network.initial_parameters([np.random.default_rng(k) for k in range(3)])
    rows = np.random.default_rng(0).standard_normal((50, 3))
    whole = network.predict(theta, rows)
    for name in ("CHUNK_NUMBERS", "MAX_CHUNK_NUMBERS"):
        monkeypatch.setattr(f"model.network.execution.forward.{name}", 3 * 7 * 8)
    np.testing.assert_allclose(network.predict(theta, rows), whole, rtol=1e-12)
