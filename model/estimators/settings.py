"""Settings of an estimator: its arguments, and the default model for those that are None."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np

from model.errors import NetworkError
from model.network.config import construct
from model.network.layers import Layer, layer_from
from model.network.tasks import TASKS
from model.network.validation import require_count
from model.training.config import Training
from model.training.defaults import default_settings
from model.training.regularization.early_stopping import OUT_OF_BAG, VALIDATION

# Arguments of the estimators that replace a field of `Training` unless they are None.
TRAINING_ARGUMENTS = ("optimizer", "learning_rate", "epochs", "batch_size", "l2")
MIN_ROWS_TO_HOLD_OUT = 20  # the default model trains on all of fewer rows


@dataclass(frozen=True)
class Problem:
    """The size and kind of what an estimator learns.

    Attributes:
        task: A name of `TASKS`.
        rows: Number of distinct training rows.
        features: Number of features.
        outputs: Number of outputs.
    """

    task: str
    rows: int
    features: int
    outputs: int


@dataclass(frozen=True)
class Settings:
    """The settings of a fit.

    Attributes:
        layers: All layers.
        loss: The loss, by name or table.
        training: The training.
        scaling: The recipe's table `[scaling]`.
        members: Number of networks; None for a single one.
        bagged: Whether each member has its own bag of the rows.
        folds: Number of folds, of which a bag leaves one out; None for bootstrap samples.
        calibrates: Whether out-of-bag predictions of classes choose a calibration.
    """

    layers: list[Layer]
    loss: Any
    training: Training
    scaling: Mapping[str, Any]
    members: int | None
    bagged: bool
    folds: int | None
    calibrates: bool

    @classmethod
    def resolve(
        cls,
        arguments: Mapping[str, Any],
        problem: Problem,
        seed: int,
        *,
        has_validation: bool = False,
    ) -> Self:
        """Return the settings for an estimator's arguments.

        Args:
            arguments: The arguments by name.
            problem: What is learned.
            seed: The training's seed.
            has_validation: Whether there are own validation rows, on which to stop early.
        """
        default = default_settings(problem.task, problem.rows, problem.features)
        ensemble = default.get("ensemble", {"members": 1})
        members = ensemble["members"] if arguments["members"] is None else arguments["members"]
        members = _plain(members)
        require_count("members", members)
        bagged = _plain(arguments["bagged"])
        if bagged is None:
            bagged = members > 1 and problem.rows > 1 and ensemble.get("bagged", True)
        if bagged and members == 1:
            raise NetworkError("bagged needs at least 2 members")
        folds = ensemble.get("folds") if bagged else None
        training, stopping = _training_fields(default["training"], arguments), None
        if has_validation or bagged or problem.rows >= MIN_ROWS_TO_HOLD_OUT:
            stopping = default["training"].get("early_stopping")
        monitored = VALIDATION if has_validation or not bagged else OUT_OF_BAG
        given = _plain(arguments["early_stopping"])
        training["early_stopping"] = _early_stopping(stopping, given, monitored)
        calibrates = _plain(arguments["calibrate"])
        if calibrates is None:
            calibrates = bagged and default.get("decision", {}).get("calibration") == "choose"
        if calibrates and not bagged:
            raise NetworkError("calibrate needs bagged members: their out-of-bag predictions")
        if calibrates and problem.task == "regression":
            raise NetworkError("calibrate is for classes")
        return cls(
            layers=_layers(default["network"], arguments, problem),
            loss=default["network"].get("loss", TASKS[problem.task].loss),
            training=construct("training", Training, {**training, "seed": seed}),
            scaling=default["scaling"] if arguments["scale"] else {"method": "none"},
            members=None if members == 1 else members,
            bagged=bagged,
            folds=None if folds is None else min(folds, members),
            calibrates=calibrates,
        )


def _training_fields(default: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the training but early stopping and the seed."""
    given = {key: arguments[key] for key in TRAINING_ARGUMENTS if arguments[key] is not None}
    extra = dict(arguments["training"] or {})
    for key in {*TRAINING_ARGUMENTS, "early_stopping", "seed"} & extra.keys():
        place = "random_state" if key == "seed" else key
        raise NetworkError(f"training must not hold {key}: the estimator has its own {place}")
    replaced = {"learning_rate"} if "optimizer" in given else set()  # a rate is for one optimizer
    kept = {key: value for key, value in default.items() if key not in replaced}
    return {key: _plain(value) for key, value in {**kept, **given, **extra}.items()}


def _early_stopping(default: Mapping[str, Any] | None, given: Any, rows: str) -> Any:
    """Return a table of early stopping, or None.

    Args:
        default: The table of the default model, or None.
        given: The argument: None for the default, False, True, or a table.
        rows: The rows whose loss is monitored, unless the argument names them.
    """
    if given is None:
        return None if default is None else {**default, "rows": rows}
    if isinstance(given, bool):
        return {"rows": rows} if given else None
    return {"rows": rows, **given} if isinstance(given, Mapping) else given


def _layers(
    default: Mapping[str, Any], arguments: Mapping[str, Any], problem: Problem
) -> list[Layer]:
    hidden, activation = arguments["hidden"], arguments["activation"]
    if hidden is None and activation is None:
        hidden = default["hidden"]
    elif hidden is None:
        hidden = [{**layer, "activation": activation} for layer in default["hidden"]]
    if isinstance(hidden, str | Mapping) or not hasattr(hidden, "__iter__"):
        raise NetworkError(f"hidden must be a list of units or layers, got {hidden!r:.80}")
    layers = [_layer(each, "relu" if activation is None else activation) for each in hidden]
    return [*layers, TASKS[problem.task].output_layer(problem.outputs)]


def _layer(description: object, activation: object) -> Layer:
    if isinstance(description, Integral):
        return layer_from({"units": int(description), "activation": activation})
    return layer_from(description)


def _plain(value: Any) -> Any:
    """Return a NumPy scalar, which searches draw, as a Python number."""
    return value.item() if isinstance(value, np.generic) else value
