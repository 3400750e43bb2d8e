"""The predictor: predictions, imputation, validation, and the self-test."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.arrays import Array
from model.errors import ArtifactError, DataError, NetworkError
from model.network.layers import Dense
from model.network.network import Network, network_from
from model.pipelines.prepare import prepare
from model.prediction.calibration import Temperature
from model.prediction.encoder import Encoder
from model.prediction.predictor import PIECE_ROWS, Predictor, ScoredRows, SelfTest
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from model.training.recipes.bundled import bundled_recipes
from model.training.recipes.recipe import load_recipe
from model.training.tables.partitions import read_partitions

ROWS = np.array([[1.0, 2.0], [10.0, -2.0], [4.0, np.nan]])


def expected(rows: Array) -> Array:
    """σ(2 z₁ − z₂ + 0.5) of the scaled rows; missing values are imputed with 3."""
    rows = np.where(np.isnan(rows), [0.0, 3.0], rows)
    z = (rows - [1.0, 0.0]) / [9.0, 2.0]
    return np.asarray(1 / (1 + np.exp(-(2 * z[:, 0] - z[:, 1] + 0.5))))


@pytest.fixture
def small() -> Predictor:
    scored = ScoredRows.ungrouped(np.array([[True]]), np.array([[0.5]]))
    return Predictor(
        name="small",
        schema=Schema(
            features=(
                Feature(name="score", type="integer", minimum=1, maximum=10),
                Feature(name="size", may_be_missing=True),
            ),
            target=Binary(negative="no", positive="yes"),
        ),
        encoder=Encoder((0, 0), ("", ""), *np.array([[0.0, 3.0], [1.0, 0.0], [9.0, 2.0]])),
        network=Network([Dense(1)], inputs=2),
        theta=np.array([2.0, -1.0, 0.5]),
        operating_points={"default": 0.4, "careful": 0.1},
        train=scored,
        validation=scored,
        self_test=SelfTest(ROWS, expected(ROWS)[:, None]),
        version="0123456789abcdef",
    )


def test_probabilities_with_known_values(small: Predictor) -> None:
    assert small.predict(ROWS).shape == (3, 1)
    np.testing.assert_allclose(small.predict(ROWS)[:, 0], expected(ROWS), rtol=1e-15)


def test_missing_value_is_imputed(small: Predictor) -> None:
    missing, filled = np.array([[4.0, np.nan]]), np.array([[4.0, 3.0]])
    assert small.predict(missing) == small.predict(filled)
    assert np.isnan(missing[0, 1])


def test_threads_do_not_change_predictions(predictor: Predictor) -> None:
    rows = np.random.default_rng(0).integers(1, 11, (64, 200, 9)).astype(float)
    alone = [predictor.predict(batch) for batch in rows]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(predictor.predict, rows))
    np.testing.assert_array_equal(together, alone)


def test_title_and_threshold(small: Predictor) -> None:
    assert small.title == "small@0123456789ab"
    assert small.threshold == 0.4
    assert replace(small, version="").title == "small@"


def test_immutable(small: Predictor) -> None:
    with pytest.raises(FrozenInstanceError):
        small.name = "other"  # type: ignore[misc]


def test_check_rows_accepts(small: Predictor) -> None:
    small.check_rows(ROWS)
    small.check_rows(np.empty((0, 2)))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([[1, 2], [11, 2]], "row 1: score must be an integer from 1 to 10"),
        ([[1, 2], [2.5, 2], [0, 2]], "row 1: score must be an integer from 1 to 10"),
        ([[np.nan, 2]], "row 0: score must be an integer from 1 to 10"),
        ([[1, 2], [1, 2], [1, np.inf]], "row 2: size must be a number or null"),
        ([[1, 2, 3]], "rows must have shape (rows, 2), got (1, 3)"),
        ([1, 2], "rows must have shape (rows, 2), got (2,)"),
        ([[[1, 2]]], "rows must have shape (rows, 2), got (1, 1, 2)"),
    ],
)
def test_check_rows_rejects(small: Predictor, rows: list[list[float]], why: str) -> None:
    with pytest.raises(DataError) as error:
        small.check_rows(np.array(rows, float))
    assert str(error.value) == why


def test_replay_self_test(small: Predictor) -> None:
    small.replay_self_test()
    replace(small, self_test=SelfTest(ROWS, expected(ROWS)[:, None] + 5e-7)).replay_self_test()


def test_replay_detects_other_weights(small: Predictor) -> None:
    why = "^self-test failed: predictions differ from the stored ones$"
    for wrong in (small.theta + 1e-3, np.full(3, np.nan)):
        with pytest.raises(ArtifactError, match=why):
            replace(small, theta=wrong).replay_self_test()
    with pytest.raises(ArtifactError, match=why):
        replace(small, self_test=SelfTest(ROWS, expected(ROWS)[:, None] + 2e-6)).replay_self_test()


@pytest.mark.parametrize("spread", [1e-320, 1e-300])
def test_overflow_in_the_self_test_is_rejected(small: Predictor, spread: float) -> None:
    """Overflow of the inputs or of later values is detected, without a warning."""
    tests = SelfTest(ROWS, small.predict(ROWS))
    encoder = replace(small.encoder, spread=np.array([spread, spread]))
    for theta in (small.theta, small.theta * 1e300):
        wrong = replace(small, encoder=encoder, theta=theta, self_test=tests)
        with pytest.raises(ArtifactError, match=r"^self-test failed: "):
            wrong.replay_self_test()


# Batches

RECIPES = ("wisconsin", "article", "digits", "ecg", "multi-label", "regression", "xor")


def untrained(name: str) -> tuple[Predictor, Array]:
    """A recipe's predictor before training, with nonzero biases, and rows of its table."""
    recipe = load_recipe(name)
    prepared = prepare(recipe, read_partitions(recipe))
    generator = np.random.default_rng(0)
    theta = prepared.theta + 0.1 * generator.standard_normal(prepared.theta.shape)
    rows, nothing = prepared.parts.train.rows, np.zeros((1, 1))
    scored = ScoredRows.ungrouped(nothing, nothing)
    made = Predictor(
        name=name,
        schema=recipe.schema,
        encoder=prepared.encoder,
        network=prepared.network,
        theta=theta.astype(prepared.theta.dtype),
        operating_points={},
        train=scored,
        validation=scored,
        self_test=SelfTest(rows[:1], nothing),
        target_scale=prepared.target_scale,
    )
    many = np.random.default_rng(1).permutation(np.resize(rows, (3 * PIECE_ROWS, rows.shape[1])))
    many[::7, 0] = np.nan
    return made, many


@cache
def predicted(name: str, dtype: str, calibrated: bool) -> tuple[Predictor, Array, Array]:
    """A predictor in a dtype, rows, and the predictions of all of them at once."""
    made, rows = untrained(name)
    network = network_from({**made.network.describe(), "dtype": dtype})
    calibration = Temperature(temperature=1.7) if calibrated else None
    made = replace(made, network=network, theta=made.theta.astype(dtype), calibration=calibration)
    return made, rows, made.predict(rows)


@given(
    st.sampled_from(RECIPES),
    st.sampled_from(["float64", "float32"]),
    st.booleans(),
    st.integers(0, 2 * PIECE_ROWS),
    st.one_of(st.integers(1, 70), st.integers(1, PIECE_ROWS + 1)),
)
@example("wisconsin", "float32", True, 10, PIECE_ROWS + 1)
@settings(max_examples=100)
def test_a_prediction_is_the_same_alone_and_among_any_rows(
    name: str, dtype: str, calibrated: bool, start: int, length: int
) -> None:
    made, rows, expected = predicted(name, dtype, calibrated)
    found = made.predict(rows[start : start + length])
    assert found.tobytes() == expected[start : start + length].tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_encoded_rows_have_the_predictions_of_raw_rows(dtype: str) -> None:
    made, rows, expected = predicted("wisconsin", dtype, calibrated=False)
    assert made.row_tables is not None
    encoded = [made.row_tables.encode(row.astype(int).tolist()) for row in rows[1:7]]
    complete = [row for row in encoded if row is not None]
    assert len(complete) == 6
    for count in range(1, 7):
        assert made.predict_encoded(complete[:count]).tobytes() == expected[1 : count + 1].tobytes()


def test_float32_is_close_to_float64() -> None:
    """The bound that docs/reference/recipes.md gives for the default model."""
    made, rows, narrow = predicted("wisconsin", "float32", calibrated=False)
    network = network_from({**made.network.describe(), "dtype": "float64"})
    wide = replace(made, network=network, theta=made.theta.astype(float)).predict(rows)
    assert 0 < np.abs(narrow - wide).max() < 1e-6


@pytest.mark.parametrize("name", bundled_recipes())
def test_predictions_equal_those_of_the_plan(name: str) -> None:
    """The bound forward pass predicts what the plan for training computes."""
    made, rows = untrained(name)
    rows = rows[:50]
    inputs = made.encoder.encode(rows)
    assert not np.isnan(inputs).any()
    plan = made.network.compile(made.theta, len(rows))
    plan.inputs[...] = inputs.T
    plan.step()
    expected = made.network.loss.predict(plan.logits()).swapaxes(-1, -2)
    if expected.ndim > 2:
        expected = expected.mean(axis=0)
    if made.target_scale is not None:
        expected = made.target_scale.undo(expected)
    tolerance = 1e-12 if made.theta.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(made.predict(rows), expected, rtol=tolerance)
    for index in range(0, 50, 7):  # each seventh row has a missing value
        alone = made.predict(rows[index : index + 1])
        np.testing.assert_allclose(alone[0], expected[index], rtol=tolerance)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_inputs_beyond_the_range_of_float32_are_rejected() -> None:
    made, rows, _ = predicted("article", "float32", calibrated=False)
    large = np.where(np.arange(rows.shape[1]) == 3, 1e300, np.nan_to_num(rows[:1]))
    for function in (made.predict, made.encode):
        with pytest.raises(NetworkError, match=r"^rows must be finite, row 0 column 3 is not$"):
            function(large)


@pytest.mark.parametrize("name", ["wisconsin", "article"])
def test_overflow_is_rejected(name: str) -> None:
    made, rows = untrained(name)
    with pytest.raises(NetworkError, match=r"^rows must be finite, row 0 column 0 is not$"):
        made.predict(np.where(np.isnan(rows[:1]), np.inf, rows[:1]))
