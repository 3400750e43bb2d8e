"""Shapley values: against all orders of the features, and against closed forms."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arrays import Array
from model.explanation.parts import finish
from model.explanation.reference import Reference
from model.explanation.sampling import sampled_shapley_values, shapley_values
from model.explanation.shapley import ShapleyValues, exact_shapley_values, on_scales
from model.network.layers import Dense
from model.network.losses import BinaryCrossEntropy
from model.network.network import Network
from model.prediction.encoder import Encoder
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary

NAN = np.nan
ROW = np.array([[9.0, 2, 1, NAN]])
ROWS = np.array(
    [[1.0, 0, 0, 4], [9, 2, 1, 5], [1, 0, 0, 4], [4, NAN, NAN, 5], [0, 1, 1, 10], [7, 2, 0, NAN]]
)


def explain(predictor: Predictor, row: Array = ROW, rows: Array = ROWS) -> ShapleyValues:
    reference = Reference("training", predictor.encode(rows))
    return finish(exact_shapley_values(predictor, predictor.encode(row), reference))


def of_all_orders(predictor: Predictor, row: Array, rows: Array) -> Array:
    """The mean effect of each feature over all orders, from raw rows: `(F, scales, outputs)`."""
    features, count = row.shape[1], 0
    total: Array = np.zeros(1)
    for order in itertools.permutations(range(features)):
        mixed, before = rows.copy(), on_scales(predictor, predictor.predict(rows)).mean(axis=0)
        effects = np.empty((features, *before.shape))
        for feature in order:
            mixed[:, feature] = row[0, feature]
            after = on_scales(predictor, predictor.predict(mixed)).mean(axis=0)
            effects[feature], before = after - before, after
        total, count = total + effects, count + 1
    return np.asarray(total / count)


def test_values_are_the_mean_effects_over_all_orders(kinds: Predictor) -> None:
    found = explain(kinds)
    expected = of_all_orders(kinds, ROW, ROWS)
    np.testing.assert_allclose(found.values.swapaxes(0, 1), expected, atol=1e-12)
    base = on_scales(kinds, kinds.predict(ROWS)).mean(axis=0)
    np.testing.assert_allclose(found.reference, base, atol=1e-12)
    assert found.standard_error is None


def test_values_of_codes_that_are_too_large_are_the_same(
    kinds: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = explain(kinds)
    monkeypatch.setattr("model.explanation.shapley.MAX_CODE", 1)
    np.testing.assert_allclose(explain(kinds).values, expected.values, atol=1e-12)


@given(
    row=st.tuples(
        st.floats(0, 50), st.sampled_from([0, 1, 2, NAN]), st.booleans(), st.integers(1, 10)
    ),
    seed=st.integers(0, 1000),
    count=st.integers(1, 12),
)
def test_values_sum_to_the_difference_of_the_predictions(
    wide: Predictor, row: tuple[float, ...], seed: int, count: int
) -> None:
    generator = np.random.default_rng(seed)
    given_row = np.array([row], dtype=float)
    rows = np.stack(
        [generator.uniform(0, 50, count), *generator.integers(0, 2, (2, count)), np.ones(count)], 1
    ).astype(float)
    found = explain(wide, given_row, rows)
    end = on_scales(wide, wide.predict(given_row))[0]
    np.testing.assert_allclose(found.reference + found.values.sum(axis=1), end, atol=1e-9)
    same = (rows[:, 3] == given_row[0, 3]).all()
    if same:  # a dummy: no reference row differs
        assert not found.values[:, 3].any()


@pytest.fixture(scope="module")
def wide() -> Predictor:
    """A binary model of a number, a category, a boolean and an integer."""
    return logistic(np.array([0.1, -0.4, 0.3, 0.7, 1.0, -0.2]), 0.3)


def logistic(weights: Array, bias: float) -> Predictor:
    """A logistic regression of the features of `kinds`."""
    features = (
        Feature(name="size"),
        Feature(name="colour", type="category", categories=("a", "b", "c"), may_be_missing=True),
        Feature(name="smokes", type="boolean"),
        Feature(name="score", type="integer"),
    )
    network = Network([Dense(1)], inputs=6, loss=BinaryCrossEntropy())
    rows = ScoredRows.ungrouped(np.empty((0, 1), dtype=bool), np.empty((0, 1)))
    return Predictor(
        name="logistic",
        schema=Schema(features=features, target=Binary(negative="no", positive="yes")),
        encoder=Encoder((0, 3, 0, 0), ("", "", "", ""), np.zeros(4), np.zeros(6), np.ones(6)),
        network=network,
        theta=np.concatenate([weights, [bias]]),
        operating_points={"default": 0.5},
        train=rows,
        validation=rows,
        self_test=SelfTest(np.zeros((1, 4)), np.zeros((1, 1))),
    )


def test_logits_of_a_logistic_regression_have_the_closed_form() -> None:
    weights = np.array([0.1, -0.4, 0.3, 0.7, 1.0, -0.2])
    predictor = logistic(weights, 0.3)
    row, rows = np.array([[3.0, 2, 1, 4]]), np.array([[1.0, 0, 0, 2], [2, 1, 1, 9]])
    found = explain(predictor, row, rows)
    terms = (predictor.encode(row) - predictor.encode(rows).mean(axis=0)) * weights
    expected = [terms[0, 0], terms[0, 1:4].sum(), terms[0, 4], terms[0, 5]]
    np.testing.assert_allclose(found.values[1, :, 0], expected, atol=1e-12)


def test_symmetric_features_have_equal_values() -> None:
    predictor = logistic(np.array([0.5, 0, 0, 0, 0, 0.5]), -1)
    found = explain(predictor, np.array([[2.0, 0, 0, 2]]), np.array([[1.0, 0, 0, 1], [5, 1, 1, 5]]))
    np.testing.assert_allclose(found.values[:, 0], found.values[:, 3], atol=1e-15)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_sampled_values_are_near_the_exact_ones(wisconsin: Predictor, seed: int) -> None:
    assert wisconsin.sample is not None
    inputs = wisconsin.encode(wisconsin.sample.rows[100 + seed % 400][np.newaxis])
    reference = Reference("training", wisconsin.encode(wisconsin.sample.rows[:20]))
    exact = finish(exact_shapley_values(wisconsin, inputs, reference))
    sampled = finish(sampled_shapley_values(wisconsin, inputs, reference, 60.0, seed))
    assert sampled.standard_error is not None
    assert sampled.standard_error[0] <= 0.005
    errors = np.abs(sampled.values - exact.values).max(axis=(1, 2))
    assert (errors <= 5 * sampled.standard_error).all()
    np.testing.assert_allclose(sampled.reference, exact.reference, atol=1e-12)
    np.testing.assert_allclose(sampled.values.sum(axis=1), exact.values.sum(axis=1), atol=1e-9)


def test_sampling_of_many_features_ends_in_time(kinds: Predictor) -> None:
    exact = finish(
        shapley_values(kinds, kinds.encode(ROW), Reference("training", kinds.encode(ROWS)))
    )
    assert exact.permutations == 0
    hurried = finish(
        sampled_shapley_values(
            kinds, kinds.encode(ROW), Reference("training", kinds.encode(ROWS)), 0.0, 1
        )
    )
    assert hurried.permutations >= 4
    np.testing.assert_allclose(hurried.values.sum(axis=1), exact.values.sum(axis=1), atol=1e-12)
