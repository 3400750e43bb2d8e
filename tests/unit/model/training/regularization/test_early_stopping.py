"""Early stopping: patience and min_delta, record by record."""

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


def stops_after(losses: list[float], patience: int, min_delta: float = 0.0) -> int | None:
    """Return the number of records after which the training stops, None if it does not."""
    stopping = EarlyStopping(patience, min_delta)
    for count in range(len(losses) + 1):
        if stopping.should_stop(stopping.state_after(losses[:count])):
            return count
    return None


@given(LOSSES, st.integers(1, 5))
def test_stops_when_the_best_is_more_than_patience_records_ago(
    losses: list[float], patience: int
) -> None:
    expected = None
    for count, lowest in enumerate(accumulate(losses, min), 1):
        if expected is None and count - 1 - losses.index(lowest) > patience:
            expected = count
    assert stops_after(losses, patience) == expected


@given(LOSSES, st.integers(1, 5), st.sampled_from([0.5, 1.0, 2.5]))
def test_min_delta_never_stops_later(losses: list[float], patience: int, min_delta: float) -> None:
    strict, lenient = stops_after(losses, patience, min_delta), stops_after(losses, patience)
    assert lenient is None or (strict is not None and strict <= lenient)


@given(LOSSES, st.integers(1, 5))
def test_more_patience_never_stops_sooner(losses: list[float], patience: int) -> None:
    sooner, later = stops_after(losses, patience), stops_after(losses, patience + 1)
    assert later is None or (sooner is not None and sooner < later)


@given(st.lists(st.floats(allow_nan=False), max_size=6), st.integers(5, 10**9))
def test_records_up_to_patience_do_not_stop(losses: list[float], patience: int) -> None:
    stopping = EarlyStopping(patience)
    assert not stopping.should_stop(stopping.state_after(losses[: patience + 1][:5]))


def test_patience_counts_consecutive_records_without_a_better_one() -> None:
    assert stops_after([3, 2, 2.5, 2.5, 2.5], patience=3) is None
    assert stops_after([3, 2, 2.5, 2.5, 2.5, 2.5], patience=3) == 6
    assert stops_after([3, 2, 2.5, 2.5, 2.5, 1.9], patience=3) is None
    assert stops_after([1, 1, 1], patience=1) == 3, "an equal loss is no better"
    assert stops_after([1, 2, 0, 2, -1, 2, -2], patience=1) is None, (
        "a better loss resets the count"
    )


def test_loss_must_fall_by_more_than_min_delta() -> None:
    assert stops_after([2, 1.5, 1.5], patience=1, min_delta=0.5) == 3, (
        "exactly min_delta does not count"
    )
    assert stops_after([2, 1.25, 1.25], patience=1, min_delta=0.5) is None


def test_small_decreases_accumulate() -> None:
    """A loss is compared with the last one that counted, not with the one before."""
    falling = [4 - 0.25 * index for index in range(12)]
    assert stops_after(falling, patience=2, min_delta=0.5) is None
    assert stops_after(falling, patience=1, min_delta=0.5) == 3


@pytest.mark.parametrize("make", [EarlyStopping, lambda **values: construct_from(values)])
@pytest.mark.parametrize(
    ("values", "message"),
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
def test_argument_ranges_are_checked(make: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        make(**values)


def construct_from(values: dict[str, Any]) -> EarlyStopping:
    return construct("training.early_stopping", EarlyStopping, values)


def test_early_stopping_is_immutable() -> None:
    stopping: Any = EarlyStopping()
    assert (stopping.patience, stopping.min_delta) == (10, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stopping.patience = 3
