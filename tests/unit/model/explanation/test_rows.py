"""Shapley values from Python: of fitted networks."""

import numpy as np
import pytest

from model.errors import NetworkError
from model.nn import Dense, Sequential

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.normal(size=(80, 5))


def test_values_add_up_to_the_predictions() -> None:
    targets = ROWS[:, 0] > ROWS[:, 1]
    fitted = Sequential([Dense(4, "relu"), Dense(1)]).fit(
        ROWS, targets, "binary_cross_entropy", "adam", epochs=20
    )
    found = fitted.explain(ROWS[:7], ROWS[10:40])
    assert found.scales == ("probability", "logit")
    assert found.values.shape == (7, 2, 5, 1)
    np.testing.assert_allclose(
        found.reference[0] + found.values[:, 0].sum(axis=1), fitted.predict(ROWS[:7]), atol=1e-12
    )
    np.testing.assert_allclose(
        found.reference[1] + found.values[:, 1].sum(axis=1),
        fitted.network.logits(fitted.theta, ROWS[:7]),
        atol=1e-9,
    )
    assert not found.standard_errors.any()


def test_linear_networks_have_the_closed_form() -> None:
    targets = ROWS @ [1, -2, 0, 0.5, 3]
    fitted = Sequential([Dense(1)]).fit(ROWS, targets, "mean_squared_error", "adam", epochs=50)
    found = fitted.explain(ROWS[:3], ROWS)
    weights = fitted.network.layout.views(fitted.theta)[0][0, :-1]
    np.testing.assert_allclose(
        found.values[:, 0, :, 0], (ROWS[:3] - ROWS.mean(axis=0)) * weights, atol=1e-12
    )
    assert found.scales == ("value",)


def test_many_features_are_sampled() -> None:
    rows = GENERATOR.normal(size=(60, 20))
    fitted = Sequential([Dense(3, "tanh"), Dense(1)]).fit(
        rows, rows[:, 0], "mean_squared_error", "adam", epochs=5
    )
    found = fitted.explain(rows[:2], rows[5:])
    assert (found.standard_errors > 0).all()
    np.testing.assert_allclose(
        found.reference[0] + found.values[:, 0].sum(axis=1), fitted.predict(rows[:2]), atol=1e-9
    )


def test_rows_of_another_shape_are_rejected() -> None:
    fitted = Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], "mean_squared_error", "adam", epochs=1)
    with pytest.raises(NetworkError, match="reference"):
        fitted.explain(ROWS, ROWS[:, :3])
