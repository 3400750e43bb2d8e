"""The decisions that a trained model carries: calibration, thresholds and refer band."""

from dataclasses import dataclass, field, replace
from typing import Any

from model.arrays import Array
from model.errors import DataError
from model.prediction.calibration import Calibration
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
    threshold: float | str,
    decision: Decision,
    labels: Array,
    probabilities: Array,
    groups: Array,
    seed: int,
) -> Decisions:
    """Make the decisions of a bagged binary ensemble on its out-of-bag predictions.

    Args:
        threshold: The default threshold, or the name of an operating point.
        decision: The recipe's table `[decision]`.
        labels: Shape (B,), bool.
        probabilities: Out-of-bag probabilities of the positive class, shape (B,).
        groups: Group numbers, shape (B,), counted from 0.
        seed: Seed of the folds that choose a calibration.

    Raises:
        DataError: If the rows are all of one class.
    """
    if labels.all() or not labels.any():
        raise DataError(
            "ensemble.bagged: rows of both classes must be out of some member's bag: "
            "increase ensemble.members, or add rows of the rarer class"
        )
    calibration = None
    facts: dict[str, Any] = {}
    if decision.calibration == "choose":
        calibration, losses = choose_calibration(labels, probabilities, groups, seed)
        facts = {"log_loss_across_folds": losses}
    elif decision.calibration != "none":
        calibration = fit_calibration(decision.calibration, labels, probabilities)
    if calibration is not None:
        probabilities = calibration.apply(probabilities)
    points = operating_points(labels, probabilities, decision.costs.model_dump())
    facts = {"method": "none" if calibration is None else calibration.method, **facts}
    return replace(_with_points(threshold, decision, points), calibration=calibration, facts=facts)


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
