"""Training: construction of its parts, argument checks and a JSON round trip."""

import json
from typing import Any

import numpy as np
import pytest

from model.errors import NetworkError
from model.network.config import construct
from model.training.config import Training
from model.training.optimizers.registry import Adam, GradientDescent
from model.training.regularization.early_stopping import EarlyStopping

FULL: dict[str, Any] = {
    "optimizer": {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
    "epochs": 7,
    "batch_size": "auto",
    "schedule": {"name": "warm_up", "steps": 3, "then": "one_cycle"},
    "layer_rates": [0, 0.5, 1],
    "l1": 0.1,
    "l2": 0.2,
    "max_norm": 3.0,
    "clip_value": 1.0,
    "clip_norm": 2.0,
    "average": 0.9,
    "augmentation": ["mixup", {"name": "shift", "most": 2}],
    "early_stopping": {"patience": 3},
    "report_every": 2,
    "seed": 5,
    "generator": "legacy",
    "memory_budget": 1000,
}


def make(**values: Any) -> Training:
    return construct("training", Training, {"optimizer": "adam", "epochs": 3, **values})


def test_describe_round_trips_through_json() -> None:
    for training in (make(), make(**FULL), make(learning_rate=[0.1, 0.2])):
        table: Any = json.loads(json.dumps(training.describe()))
        assert table.pop("name") == "training"
        assert construct("training", Training, table) == training


def test_parts_are_constructed() -> None:
    training = make(**FULL)
    assert training.early_stopping == EarlyStopping(3)
    assert training.layer_rates == (0, 0.5, 1)
    assert training.rates == (0.01,)
    assert [each.name for each in training.augmentation] == ["mixup", "shift"]
    assert make(optimizer=Adam(0.1)).optimizer == Adam(0.1)
    separate = make(optimizer="gradient_descent", learning_rate=[0.1, 0.2])
    assert separate.optimizer == GradientDescent((0.1, 0.2))
    assert separate.rates == (0.1, 0.2)


def test_seed_determines_the_initial_weights() -> None:
    assert make(seed=3).initial_generator().uniform() == np.random.default_rng(3).uniform()
    legacy = make(seed=3, generator="legacy").initial_generator()
    assert legacy.uniform() == np.random.RandomState(3).uniform()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "training.epochs must be a positive integer, got 0"),
        ({"epochs": 1.0}, "training.epochs must be a positive integer, got 1.0"),
        ({"batch_size": 0}, "training.batch_size must be a positive integer, got 0"),
        ({"batch_size": "all"}, "training.batch_size must be one of full, auto, got 'all'"),
        ({"report_every": -1}, "training.report_every must be a positive integer"),
        ({"memory_budget": 0}, "training.memory_budget must be a positive integer"),
        ({"l1": -1}, "training.l1 must be a number from 0 to 1e+09, got -1"),
        ({"l2": None}, "training.l2 must be a number from 0 to 1e+09, got None"),
        ({"max_norm": 0}, "training.max_norm must be a number from 1e-09 to 1e+09, got 0"),
        ({"clip_value": "x"}, "training.clip_value must be a number from 1e-09"),
        ({"clip_norm": float("nan")}, "training.clip_norm must be a number .* got nan"),
        ({"average": 1}, "training.average must be a number from 0 to 0.999999, got 1"),
        ({"seed": -1}, "training.seed must be an integer from 0 to 4294967295, got -1"),
        ({"seed": 1.5}, "training.seed must be an integer"),
        ({"generator": "new"}, "training.generator must be one of default, legacy, got 'new'"),
        ({"optimizer": "adm"}, "training.optimizer: optimizer must be one of gradient_descent"),
        ({"learning_rate": 0}, "training.learning_rate must be a finite number above 0, got 0"),
        ({"optimizer": Adam(), "learning_rate": 1}, "learning_rate must be given once: here or"),
        ({"layer_rates": 1}, "training.layer_rates must be a list, got 1"),
        ({"layer_rates": [1, -1]}, "training.layer_rates.1 must be a number from 0 .* got -1"),
        ({"augmentation": "mixup"}, "training.augmentation must be a list, got 'mixup'"),
        ({"augmentation": ["mixup", "x"]}, "training.augmentation.1: augmentation must be one of"),
        ({"early_stopping": 3}, "training.early_stopping must be a table of patience and min_del"),
        ({"early_stopping": {"patience": 0}}, "early_stopping: patience must be a positive"),
        ({"early_stopping": {"wait": 1}}, "training.early_stopping has no 'wait'"),
        ({"schedule": "cos"}, "training.schedule: schedule must be one of constant"),
        (
            {"schedule": {"name": "cosine", "minimum": 0.1}},
            "training.schedule: schedule cosine: minimum must be at most the learning rate 0.001",
        ),
        (
            {"schedule": {"name": "reduce_on_plateau", "minimum": 0.1}},
            "training.schedule: schedule reduce_on_plateau: minimum must be at most the learning",
        ),
        (
            {"optimizer": "rmsprop", "schedule": "one_cycle"},
            "training.schedule changes the momentum, and optimizer rmsprop has none: set cycle_mom",
        ),
        ({"epoch": 1}, "training has no 'epoch': did you mean epochs?"),
    ],
)
def test_error_names_key_rule_and_value(values: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message.replace("+", r"\+").replace("?", r"\?")):
        make(**values)


def test_required_fields() -> None:
    with pytest.raises(NetworkError, match=r"^training needs its epochs$"):
        construct("training", Training, {"optimizer": "adam"})
    with pytest.raises(NetworkError, match="optimizer momentum needs its learning_rate"):
        make(optimizer="momentum")
    constant_momentum = {"name": "one_cycle", "cycle_momentum": False}
    assert make(optimizer="rmsprop", schedule=constant_momentum).schedule is not None
