"""The predictor: what it computes, what it imputes and refuses, and its replay of itself."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from model.arrays import Array
from model.encoding import Encoder
from model.errors import ArtifactError, DataError
from model.network.layers import Dense
from model.network.network import Network
from model.predictor import Predictor, ScoredRows, SelfTest
from model.schema import Feature, Schema
from model.target import Binary

ROWS = np.array([[1.0, 2.0], [10.0, -2.0], [4.0, np.nan]])


def expected(rows: Array) -> Array:
    """σ(2 z₁ − z₂ + ½) of the scaled rows, missing values filled with 3."""
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


def test_probabilities_by_hand(small: Predictor) -> None:
    assert small.predict(ROWS).shape == (3, 1)
    np.testing.assert_allclose(small.predict(ROWS)[:, 0], expected(ROWS), rtol=1e-15)


def test_missing_value_is_the_fill(small: Predictor) -> None:
    missing, filled = np.array([[4.0, np.nan]]), np.array([[4.0, 3.0]])
    assert small.predict(missing) == small.predict(filled)
    assert np.isnan(missing[0, 1])


def test_many_threads_give_what_one_gives(predictor: Predictor) -> None:
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
def test_check_rows_refuses(small: Predictor, rows: list[list[float]], why: str) -> None:
    with pytest.raises(DataError) as error:
        small.check_rows(np.array(rows, float))
    assert str(error.value) == why


def test_replay_self_test(small: Predictor) -> None:
    small.replay_self_test()
    replace(small, self_test=SelfTest(ROWS, expected(ROWS)[:, None] + 5e-7)).replay_self_test()


def test_replay_notices_other_weights(small: Predictor) -> None:
    why = "^the self-test rows do not give their expected outputs$"
    for wrong in (small.theta + 1e-3, np.full(3, np.nan)):
        with pytest.raises(ArtifactError, match=why):
            replace(small, theta=wrong).replay_self_test()
    with pytest.raises(ArtifactError, match=why):
        replace(small, self_test=SelfTest(ROWS, expected(ROWS)[:, None] + 2e-6)).replay_self_test()


@pytest.mark.parametrize("spread", [1e-320, 1e-300])
def test_numbers_that_overflow_in_the_self_test_are_refused(
    small: Predictor, spread: float
) -> None:
    """As an artifact's may: in inputs, or in what is made of them; without a warning."""
    tests = SelfTest(ROWS, small.predict(ROWS))
    encoder = replace(small.encoder, spread=np.array([spread, spread]))
    for theta in (small.theta, small.theta * 1e300):
        wrong = replace(small, encoder=encoder, theta=theta, self_test=tests)
        with pytest.raises(ArtifactError, match="self-test rows do not give"):
            wrong.replay_self_test()
