"""The decisions that a trained model carries: calibration, thresholds and refer band."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.calibration import Calibration
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, Regression, Target
from model.training.decisions.calibrate import choose_calibration, fit_calibration
from model.training.decisions.operating_points import operating_points
from model.training.recipes.sections import Decision


@dataclass(frozen=True)
class Decisions:
    """Calibration, thresholds and refer band of a model.

    Attributes:
        operating_points: Thresholds by name; "default" is the model's default threshold.
        calibration: None if probabilities are used as they are.
        refer: Lower and upper threshold of the refer band, None without a band.
        facts: How the calibration was chosen, for the artifact's metadata.
    """

    operating_points: dict[str, float]
    calibration: Calibration | None = None
    refer: tuple[float, float] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def decide(
    threshold: float | str | None,
    decision: Decision,
    target: Target,
    scored: ScoredRows,
    seed: int,
    weights: Array | None = None,
) -> Decisions:
    """Make the decisions of a bagged ensemble on its out-of-bag predictions.

    Args:
        threshold: The default threshold, or the name of an operating point; None if the task has
            none.
        decision: The recipe's table `[decision]`.
        target: The target. Only a binary one has operating points, and a regression has no
            calibration either.
        scored: Uncalibrated out-of-bag predictions.
        seed: Seed of the folds that choose a calibration.
        weights: Weights of the rows, shape (B,), in calibration and thresholds; None weights all
            rows alike. Rows of weight 0 are left out.

    Raises:
        DataError: If the rows are all of one class.
    """
    if isinstance(target, Regression):
        return default_decisions(threshold, decision)
    outcomes, probabilities, groups = scored.targets, scored.predictions, scored.groups
    if isinstance(target, MultiClass):
        outcomes = outcomes == np.arange(len(target.classes))
    if weights is not None:
        used = weights > 0
        weights, groups = weights[used], groups[used]
        outcomes, probabilities = outcomes[used], probabilities[used]
    if isinstance(target, Binary) and (outcomes.all() or not outcomes.any()):
        raise DataError(
            "ensemble.bagged: rows of both classes must be out of some member's bag: "
            "increase ensemble.members, or add rows of the rarer class"
        )
    calibration: Calibration | None = None
    facts: dict[str, Any] = {}
    if decision.calibration == "choose":
        calibration, losses = choose_calibration(
            target.task, outcomes, probabilities, groups, seed, weights
        )
        facts = {"log_loss_across_folds": losses}
    elif decision.calibration != "none":
        is_softmax = isinstance(target, MultiClass)
        method = "softmax_temperature" if is_softmax else decision.calibration
        calibration = fit_calibration(method, outcomes, probabilities, weights)
    facts = {"method": "none" if calibration is None else calibration.method, **facts}
    if threshold is not None and isinstance(target, Binary):
        if calibration is not None:
            probabilities = calibration.apply(probabilities)
        costs = decision.costs.model_dump()
        points = operating_points(outcomes[:, 0], probabilities[:, 0], costs, weights)
        decisions = _with_points(threshold, decision, points)
    else:
        decisions = default_decisions(threshold, decision)
    return replace(decisions, calibration=calibration, facts=facts)


def default_decisions(threshold: float | str | None, decision: Decision) -> Decisions:
    """Make the decisions of a model without out-of-bag predictions, from its recipe alone.

    Args:
        threshold: The default threshold; None if the task has none.
        decision: The recipe's table `[decision]`.
    """
    return Decisions({}) if threshold is None else _with_points(threshold, decision, {})


def _with_points(threshold: float | str, decision: Decision, points: dict[str, float]) -> Decisions:
    """Resolve the names of operating points. A refer band without width is no band."""
    default, *band = (
        points[each] if isinstance(each, str) else each for each in (threshold, *decision.refer)
    )
    refer = (band[0], band[1]) if band and band[0] < band[1] else None
    return Decisions({"default": default, **points}, refer=refer)
