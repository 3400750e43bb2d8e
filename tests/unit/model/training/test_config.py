"""Training: parts given as objects, names and tables, argument checks, and a JSON round trip."""

import dataclasses
import json
import math
import re
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import NetworkError
from model.network.config import construct
from model.training.config import Training
from model.training.optimizers.registry import OPTIMIZERS, GradientDescent, optimizer_from
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
    | st.fixed_dictionaries(
        {
            "patience": st.integers(11, 99),
            "min_delta": st.floats(0, 1),
            "rows": st.just("out-of-bag"),
        }
    ),
    "report_every": st.integers(1, 10**9),
    "seed": st.integers(0, 2**32 - 1),
    "generator": st.sampled_from(["default", "legacy"]),
    "memory_budget": st.integers(1, 10**9),
}


def make(**values: Any) -> Training:
    return construct("training", Training, {"optimizer": "adam", "epochs": 3, **values})


def round_trip(training: Training) -> Training:
    table: Any = json.loads(json.dumps(training.describe()))
    assert table.pop("name") == "training"
    return construct("training", Training, table)


def test_every_part_and_field_is_covered() -> None:
    assert set(OPTIMIZER_TABLES) == set(OPTIMIZERS)
    assert set(SCHEDULE_TABLES) == set(SCHEDULES)
    assert set(AUGMENTATION_TABLES) == set(AUGMENTATIONS)
    assert {*SIMPLE, "learning_rate"} == {field.name for field in dataclasses.fields(Training)}


@given(st.fixed_dictionaries(SIMPLE))
def test_any_training_round_trips_through_json(values: dict[str, Any]) -> None:
    training = make(**values)
    assert round_trip(training) == training
    assert round_trip(training).describe() == training.describe()


@pytest.mark.parametrize("stopping", [{}, {"patience": 10}, EarlyStopping()])
def test_default_early_stopping_round_trips_through_json(stopping: object) -> None:
    training = make(early_stopping=stopping)
    assert round_trip(training) == training


def test_early_stopping_with_another_name_is_rejected() -> None:
    with pytest.raises(NetworkError, match=r"training\.early_stopping"):
        make(early_stopping={"name": "cosine", "patience": 3})


def test_describe_omits_defaults() -> None:
    description = make().describe()
    assert description == {"name": "training", "optimizer": "adam", "epochs": 3}
    rates: Any = make(learning_rate=[0.1, 0.2]).describe()
    assert rates["optimizer"] == {"name": "adam", "learning_rate": [0.1, 0.2]}
    assert "learning_rate" not in rates


@pytest.mark.parametrize("name", SCHEDULE_TABLES)
def test_schedule_object_equals_its_table(name: str) -> None:
    table = SCHEDULE_TABLES[name]
    assert make(schedule=schedule_from(table)) == make(schedule=table)


@pytest.mark.parametrize("name", OPTIMIZER_TABLES)
def test_learning_rate_inside_and_beside_the_optimizer_are_equal(name: str) -> None:
    table = OPTIMIZER_TABLES[name]
    inside = make(optimizer=table)
    assert inside.rates == (0.01,)
    assert make(optimizer=optimizer_from(table)) == inside
    for optimizer in (name, {"name": name}, MappingProxyType({"name": name})):
        assert make(optimizer=optimizer, learning_rate=0.01) == inside


@pytest.mark.parametrize("beside", [0.5, [0.5, 0.1]])
@pytest.mark.parametrize(
    "optimizer",
    [{"name": "adam", "learning_rate": 0.1}, optimizer_from("adam"), optimizer_from("lion")],
)
def test_learning_rate_must_be_given_once(optimizer: object, beside: object) -> None:
    rule = r"^training\.learning_rate must be given once: here or in optimizer$"
    with pytest.raises(NetworkError, match=rule):
        make(optimizer=optimizer, learning_rate=beside)


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, "0.1", True, [0.1, 0], []])
def test_invalid_learning_rate_is_rejected(rate: Any) -> None:
    rule = r"learning_rate must be a finite number above 0, got "
    with pytest.raises(NetworkError, match=rf"^training\.{rule}"):
        make(learning_rate=rate)
    with pytest.raises(NetworkError, match=rf"^training\.optimizer: .*{rule}"):
        make(optimizer={"name": "adam", "learning_rate": rate})


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
def test_values_out_of_range_are_rejected(key: str, value: Any, rule: str) -> None:
    with pytest.raises(NetworkError, match=rf"^training\.{key} {rule}, got ") as error:
        make(**{key: value})
    assert str(error.value).endswith(repr(value))


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True, None, [1]])
@pytest.mark.parametrize("index", [0, 2])
def test_error_names_the_layer_of_an_invalid_rate(index: int, value: Any) -> None:
    rates: list[Any] = [1.0, 0, 0.5]
    rates[index] = value
    rule = rf"^training\.layer_rates\.{index} must be a number from 0 to 1e\+09, got "
    with pytest.raises(NetworkError, match=rule):
        make(layer_rates=rates)


def test_error_texts_are_shortened() -> None:
    for key in ("epochs", "batch_size", "layer_rates", "generator"):
        with pytest.raises(NetworkError, match=rf"^training\.{key} must be") as error:
            make(**{key: "x" * 10_000})
        assert len(str(error.value)) < 200


@pytest.mark.parametrize("schedule", ["cosine", "reduce_on_plateau"])
def test_rate_of_every_member_must_reach_the_minimum(schedule: str) -> None:
    description = {"name": schedule, "minimum": 0.01}
    assert make(learning_rate=[0.01, 0.1], schedule=description).rates == (0.01, 0.1)
    with pytest.raises(NetworkError, match=r"^training\.schedule: .*minimum must be at most the "):
        make(learning_rate=[0.1, 0.009], schedule=description)


@pytest.mark.parametrize("name", OPTIMIZER_TABLES)
@pytest.mark.parametrize("after_warm_up", [False, True])
def test_one_cycle_needs_a_momentum_or_cycle_momentum_false(name: str, after_warm_up: bool) -> None:
    table = OPTIMIZER_TABLES[name]
    cycle: Any = (
        {"name": "warm_up", "steps": 3, "then": "one_cycle"} if after_warm_up else "one_cycle"
    )
    if name in ("gradient_descent", "adagrad", "rmsprop"):
        with pytest.raises(
            NetworkError, match=rf"changes the momentum, and optimizer {name} has none"
        ):
            make(optimizer=table, schedule=cycle)
    else:
        make(optimizer=table, schedule=cycle)
    constant = {"name": "one_cycle", "cycle_momentum": False}
    assert make(optimizer=table, schedule=constant).schedule == schedule_from(constant)


@pytest.mark.parametrize("key", ["lr", "batchsize", "L2", "patience", ""])
def test_unknown_keys_are_rejected(key: str) -> None:
    with pytest.raises(NetworkError, match=rf"^training has no '{key}': "):
        make(**{key: 1})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": "all"}, "training.batch_size must be one of full, auto, got 'all'"),
        ({"optimizer": "adm"}, "training.optimizer: optimizer must be one of gradient_descent"),
        (
            {"optimizer": "momentum"},
            "training.optimizer: optimizer momentum needs its",
        ),
        ({"augmentation": ["mixup", "x"]}, "training.augmentation.1: augmentation must be one of"),
        ({"early_stopping": 3}, "training.early_stopping must be a table of patience and min_del"),
        ({"early_stopping": {"patience": 0}}, "early_stopping: patience must be a positive"),
        ({"early_stopping": {"rows": "all"}}, "early_stopping: rows must be one of validation, o"),
        ({"early_stopping": {"wait": 1}}, "training.early_stopping has no 'wait'"),
        ({"schedule": "cos"}, "training.schedule: schedule must be one of constant"),
        (
            {"schedule": {"name": "cosine", "minimum": 0.1}},
            "training.schedule: schedule cosine: minimum must be at most the learning rate 0.001",
        ),
        ({"epoch": 1}, "training has no 'epoch': did you mean epochs?"),
    ],
)
def test_error_names_key_rule_and_value(values: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=re.escape(message)):
        make(**values)


def test_required_fields() -> None:
    with pytest.raises(NetworkError, match=r"^training needs its epochs$"):
        construct("training", Training, {"optimizer": "adam"})


def test_parts_are_constructed() -> None:
    training = make(augmentation=["mixup"], early_stopping={"patience": 3}, layer_rates=[0.5, 1])
    assert training.early_stopping == EarlyStopping(3)
    assert training.layer_rates == (0.5, 1)
    assert [each.name for each in training.augmentation] == ["mixup"]
    separate = make(optimizer="gradient_descent", learning_rate=[0.1, 0.2])
    assert separate.optimizer == GradientDescent((0.1, 0.2))
    assert separate.rates == (0.1, 0.2)


def test_same_seed_draws_the_same_weights() -> None:
    for generator in ("default", "legacy"):
        training = make(seed=2**32 - 1, generator=generator)
        draws = [training.initial_generator().uniform(size=5) for _ in range(2)]
        assert (draws[0] == draws[1]).all()
        other = make(seed=0, generator=generator).initial_generator().uniform(size=5)
        assert (other != draws[0]).all()
    assert isinstance(make(generator="legacy").initial_generator(), np.random.RandomState)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, False),
        ({"schedule": "cosine"}, False),
        ({"schedule": "reduce_on_plateau"}, True),
        ({"early_stopping": {}}, True),
        ({"early_stopping": {"rows": "out-of-bag"}}, False),
        ({"early_stopping": {"rows": "out-of-bag"}, "schedule": "reduce_on_plateau"}, False),
    ],
)
def test_need_of_validation_rows(more: dict[str, Any], expected: bool) -> None:
    assert make(**more).needs_validation is expected
