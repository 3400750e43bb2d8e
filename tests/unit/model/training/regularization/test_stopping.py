"""Early stopping: what patience and min_delta mean, record by record."""

import dataclasses
import math
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import NetworkError
from model.network.config import construct
from model.training.regularization.early_stopping import EarlyStopping

LOSSES = st.lists(st.integers(0, 6).map(float), max_size=25)


def end(losses: list[float], patience: int, min_delta: float = 0.0) -> int | None:
    """After how many records a training ends that looks after each."""
    stopping = EarlyStopping(patience, min_delta)
    for count in range(len(losses) + 1):
        if stopping.is_over(stopping.waiting(losses[:count])):
            return count
    return None


@given(LOSSES, st.integers(1, 5))
def test_it_ends_when_the_lowest_is_more_than_patience_records_ago(
    losses: list[float], patience: int
) -> None:
    expected = None
    for count, lowest in enumerate(accumulate(losses, min), 1):
        if expected is None and count - 1 - losses.index(lowest) > patience:
            expected = count
    assert end(losses, patience) == expected


@given(LOSSES, st.integers(1, 5), st.sampled_from([0.5, 1.0, 2.5]))
def test_min_delta_ends_no_training_later(
    losses: list[float], patience: int, min_delta: float
) -> None:
    strict, lenient = end(losses, patience, min_delta), end(losses, patience)
    assert lenient is None or (strict is not None and strict <= lenient)


@given(LOSSES, st.integers(1, 5))
def test_more_patience_ends_no_training_sooner(losses: list[float], patience: int) -> None:
    sooner, later = end(losses, patience), end(losses, patience + 1)
    assert later is None or (sooner is not None and sooner < later)


@given(st.lists(st.floats(allow_nan=False), max_size=6), st.integers(5, 10**9))
def test_so_few_records_end_nothing(losses: list[float], patience: int) -> None:
    stopping = EarlyStopping(patience)
    assert not stopping.is_over(stopping.waiting(losses[: patience + 1][:5]))


def test_patience_is_how_many_records_without_a_better_one_it_bears() -> None:
    assert end([3, 2, 2.5, 2.5, 2.5], patience=3) is None
    assert end([3, 2, 2.5, 2.5, 2.5, 2.5], patience=3) == 6
    assert end([3, 2, 2.5, 2.5, 2.5, 1.9], patience=3) is None
    assert end([1, 1, 1], patience=1) == 3, "an equal loss is no better"
    assert end([1, 2, 0, 2, -1, 2, -2], patience=1) is None, "a better one ends the waiting"


def test_a_loss_must_be_lower_by_more_than_min_delta() -> None:
    assert end([2, 1.5, 1.5], patience=1, min_delta=0.5) == 3, "by exactly so much is too little"
    assert end([2, 1.25, 1.25], patience=1, min_delta=0.5) is None


def test_small_steps_add_up_to_one_that_counts() -> None:
    """Losses are held against the last that counted, not against the one before."""
    falling = [4 - 0.25 * index for index in range(12)]
    assert end(falling, patience=2, min_delta=0.5) is None
    assert end(falling, patience=1, min_delta=0.5) == 3


@pytest.mark.parametrize("given_as", [EarlyStopping, lambda **values: construct_from(values)])
@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"patience": -3}, "early_stopping: patience must be a positive integer, got -3"),
        ({"patience": True}, "early_stopping: patience must be a positive integer, got True"),
        ({"patience": "5"}, "early_stopping: patience must be a positive integer, got '5'"),
        ({"patience": None}, "early_stopping: patience must be a positive integer, got None"),
        ({"min_delta": math.nan}, r"early_stopping: min_delta must be a number .* got nan"),
        ({"min_delta": math.inf}, r"early_stopping: min_delta must be a number .* got inf"),
        ({"min_delta": "0"}, r"min_delta must be a number from 0 to 1e\+09, got '0'"),
        ({"min_delta": False}, r"min_delta must be a number from 0 to 1e\+09, got False"),
    ],
)
def test_what_is_no_patience_or_min_delta(given_as: Any, values: dict[str, Any], why: str) -> None:
    with pytest.raises(NetworkError, match=why):
        given_as(**values)


def construct_from(values: dict[str, Any]) -> EarlyStopping:
    return construct("training.early_stopping", EarlyStopping, values)


def test_it_cannot_be_changed() -> None:
    stopping: Any = EarlyStopping()
    assert (stopping.patience, stopping.min_delta) == (10, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stopping.patience = 3
