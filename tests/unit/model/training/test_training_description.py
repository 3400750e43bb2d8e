"""A training described in every way there is: parts as objects, names, tables, and JSON."""

import dataclasses
import json
import math
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import NetworkError
from model.network.config import construct
from model.training.config import Training
from model.training.optimizers.registry import OPTIMIZERS, optimizer_from
from model.training.regularization.augmentation import AUGMENTATIONS
from model.training.regularization.early_stopping import EarlyStopping
from model.training.schedules.registry import SCHEDULES, schedule_from

OPTIMIZER_TABLES: dict[str, Any] = {
    name: {"name": name, "learning_rate": 0.01} for name in OPTIMIZERS
}
SCHEDULE_TABLES: dict[str, Any] = {
    "constant": "constant",
    "exponential": {"name": "exponential", "factor": 0.9},
    "step": {"name": "step", "every": 5, "factor": 0.5},
    "inverse_time": {"name": "inverse_time", "decay": 0.1},
    "cosine": {"name": "cosine", "minimum": 0.001},
    "one_cycle": {"name": "one_cycle", "cycle_momentum": False},
    "warm_restarts": {"name": "warm_restarts", "period": 7},
    "warm_up": {"name": "warm_up", "steps": 5, "then": {"name": "step", "every": 3}},
    "reduce_on_plateau": {"name": "reduce_on_plateau", "patience": 2},
}
AUGMENTATION_TABLES: dict[str, Any] = {
    "jitter": {"name": "jitter", "standard_deviation": 0.1},
    "mixup": {"name": "mixup", "alpha": 0.4},
    "shift": {"name": "shift", "most": 2},
    "scale": {"name": "scale", "standard_deviation": 0.1},
    "signal_noise": {"name": "signal_noise", "share": 0.2},
}
SIMPLE: dict[str, Any] = {
    "optimizer": st.sampled_from([*OPTIMIZER_TABLES.values()]),
    "epochs": st.integers(1, 10**9),
    "batch_size": st.sampled_from(["full", "auto"]) | st.integers(1, 10**9),
    "schedule": st.none() | st.sampled_from([*SCHEDULE_TABLES.values()]),
    "layer_rates": st.none() | st.lists(st.floats(0, 1e9), max_size=4),
    "l1": st.floats(0, 1e9),
    "l2": st.integers(0, 10**9),
    "max_norm": st.none() | st.floats(1e-9, 1e9),
    "clip_value": st.none() | st.floats(1e-9, 1e9),
    "clip_norm": st.none() | st.floats(1e-9, 1e9),
    "average": st.none() | st.floats(0, 0.999999),
    "augmentation": st.lists(st.sampled_from([*AUGMENTATION_TABLES.values()]), max_size=3),
    "early_stopping": st.none()
    | st.fixed_dictionaries({"patience": st.integers(11, 99), "min_delta": st.floats(0, 1)}),
    "report_every": st.integers(1, 10**9),
    "seed": st.integers(0, 2**32 - 1),
    "generator": st.sampled_from(["default", "legacy"]),
    "memory_budget": st.integers(1, 10**9),
}


def made(**values: Any) -> Training:
    return construct("training", Training, {"optimizer": "adam", "epochs": 3, **values})


def read_back(training: Training) -> Training:
    told: Any = json.loads(json.dumps(training.describe()))
    assert told.pop("name") == "training"
    return construct("training", Training, told)


def test_every_part_and_field_is_here() -> None:
    assert set(OPTIMIZER_TABLES) == set(OPTIMIZERS)
    assert set(SCHEDULE_TABLES) == set(SCHEDULES)
    assert set(AUGMENTATION_TABLES) == set(AUGMENTATIONS)
    assert {*SIMPLE, "learning_rate"} == {field.name for field in dataclasses.fields(Training)}


@given(st.fixed_dictionaries(SIMPLE))
def test_any_training_comes_back_from_json(values: dict[str, Any]) -> None:
    training = made(**values)
    assert read_back(training) == training
    assert read_back(training).describe() == training.describe()


@pytest.mark.parametrize("stopping", [{}, {"patience": 10}, EarlyStopping()])
def test_early_stopping_as_it_is_by_default_comes_back_from_json(stopping: object) -> None:
    training = made(early_stopping=stopping)
    assert read_back(training) == training


def test_a_stopping_of_another_name_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"training\.early_stopping"):
        made(early_stopping={"name": "cosine", "patience": 3})


def test_only_what_is_not_usual_is_told() -> None:
    told = made().describe()
    assert told == {"name": "training", "optimizer": "adam", "epochs": 3}
    rates: Any = made(learning_rate=[0.1, 0.2]).describe()
    assert rates["optimizer"] == {"name": "adam", "learning_rate": [0.1, 0.2]}
    assert "learning_rate" not in rates


@pytest.mark.parametrize("name", SCHEDULE_TABLES)
def test_a_schedule_is_one_as_an_object_too(name: str) -> None:
    table = SCHEDULE_TABLES[name]
    assert made(schedule=schedule_from(table)) == made(schedule=table)


@pytest.mark.parametrize("name", OPTIMIZER_TABLES)
def test_a_rate_within_and_beside_is_the_same(name: str) -> None:
    table = OPTIMIZER_TABLES[name]
    within = made(optimizer=table)
    assert within.rates == (0.01,)
    assert made(optimizer=optimizer_from(table)) == within
    for optimizer in (name, {"name": name}, MappingProxyType({"name": name})):
        assert made(optimizer=optimizer, learning_rate=0.01) == within


@pytest.mark.parametrize("beside", [0.5, [0.5, 0.1]])
@pytest.mark.parametrize(
    "optimizer",
    [{"name": "adam", "learning_rate": 0.1}, optimizer_from("adam"), optimizer_from("lion")],
)
def test_a_rate_is_given_once(optimizer: object, beside: object) -> None:
    rule = r"^training\.learning_rate must be given once: here or in optimizer$"
    with pytest.raises(NetworkError, match=rule):
        made(optimizer=optimizer, learning_rate=beside)


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, "0.1", True, [0.1, 0], []])
def test_no_rate(rate: Any) -> None:
    rule = r"learning_rate must be a finite number above 0, got "
    with pytest.raises(NetworkError, match=rf"^training\.{rule}"):
        made(learning_rate=rate)
    with pytest.raises(NetworkError, match=rf"^training\.optimizer: .*{rule}"):
        made(optimizer={"name": "adam", "learning_rate": rate})


COUNT, POSITIVE = "must be a positive integer", r"must be a number from 1e-09 to 1e\+09"
WRONG: list[tuple[str, Any, str]] = [
    *((key, value, COUNT) for key in ("epochs", "report_every", "memory_budget", "batch_size")
      for value in (0, -1, 10**9 + 1, 2.0, True, None)),
    *((key, "many", COUNT) for key in ("epochs", "report_every", "memory_budget")),
    *((key, value, r"must be a number from 0 to 1e\+09") for key in ("l1", "l2")
      for value in (-1e-9, 1.1e9, math.nan, math.inf, "1", True, None, [1])),
    *((key, value, POSITIVE) for key in ("max_norm", "clip_value", "clip_norm")
      for value in (0, -1, 1.1e9, math.nan, math.inf, "1", False)),
    *(("average", value, "must be a number from 0 to 0.999999")
      for value in (-0.1, 1, 0.9999999, math.nan, "0.9", True)),
    *(("seed", value, "must be an integer from 0 to 4294967295")
      for value in (-1, 2**32, 1.0, True, None, "1")),
    *(("generator", value, "must be one of default, legacy") for value in ("", None, 3)),
    *(("layer_rates", value, "must be a list") for value in (1, True, "1", {"a": 1})),
    *(("augmentation", value, "must be a list") for value in (None, "mixup", {"name": "mixup"})),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "rule"), WRONG)
def test_what_is_out_of_range(key: str, value: Any, rule: str) -> None:
    with pytest.raises(NetworkError, match=rf"^training\.{key} {rule}, got ") as error:
        made(**{key: value})
    assert str(error.value).endswith(repr(value))


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True, None, [1]])
@pytest.mark.parametrize("index", [0, 2])
def test_which_layer_s_rate_is_wrong(index: int, value: Any) -> None:
    rates: list[Any] = [1.0, 0, 0.5]
    rates[index] = value
    rule = rf"^training\.layer_rates\.{index} must be a number from 0 to 1e\+09, got "
    with pytest.raises(NetworkError, match=rule):
        made(layer_rates=rates)


def test_messages_stay_short() -> None:
    for key in ("epochs", "batch_size", "layer_rates", "generator"):
        with pytest.raises(NetworkError, match=rf"^training\.{key} must be") as error:
            made(**{key: "x" * 10_000})
        assert len(str(error.value)) < 200


@pytest.mark.parametrize("schedule", ["cosine", "reduce_on_plateau"])
def test_no_member_s_rate_may_be_below_the_schedule_s_minimum(schedule: str) -> None:
    given_minimum = {"name": schedule, "minimum": 0.01}
    assert made(learning_rate=[0.01, 0.1], schedule=given_minimum).rates == (0.01, 0.1)
    with pytest.raises(NetworkError, match=r"^training\.schedule: .*minimum must be at most the "):
        made(learning_rate=[0.1, 0.009], schedule=given_minimum)


@pytest.mark.parametrize("name", OPTIMIZER_TABLES)
@pytest.mark.parametrize("within", [False, True])
def test_one_cycle_needs_a_momentum_or_to_leave_it(name: str, within: bool) -> None:
    table = OPTIMIZER_TABLES[name]
    cycle: Any = {"name": "warm_up", "steps": 3, "then": "one_cycle"} if within else "one_cycle"
    if name in ("gradient_descent", "adagrad", "rmsprop"):
        with pytest.raises(NetworkError, match=rf"change a momentum, {name} has none"):
            made(optimizer=table, schedule=cycle)
    else:
        made(optimizer=table, schedule=cycle)
    left = {"name": "one_cycle", "cycle_momentum": False}
    assert made(optimizer=table, schedule=left).schedule == schedule_from(left)


@pytest.mark.parametrize("key", ["lr", "batchsize", "L2", "patience", ""])
def test_unknown_keys(key: str) -> None:
    with pytest.raises(NetworkError, match=rf"^training has no '{key}': "):
        made(**{key: 1})


def test_the_same_seed_draws_the_same_and_does_so_again() -> None:
    for generator in ("default", "legacy"):
        training = made(seed=2**32 - 1, generator=generator)
        draws = [training.initial_generator().uniform(size=5) for _ in range(2)]
        assert (draws[0] == draws[1]).all()
        other = made(seed=0, generator=generator).initial_generator().uniform(size=5)
        assert (other != draws[0]).all()
    assert isinstance(made(generator="legacy").initial_generator(), np.random.RandomState)
