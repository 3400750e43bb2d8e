"""The decisions that a trained model carries: calibration, thresholds and refer band."""

from dataclasses import dataclass, field
from typing import Any

from model.arrays import Array
from model.errors import DataError
from model.prediction.calibration import Calibration
from model.training.decisions.calibrate import choose_calibration, fit_calibration
from model.training.decisions.operating_points import operating_points
from model.training.recipes.recipe import Recipe

DEFAULT_THRESHOLD = 0.5


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


def decide(recipe: Recipe, labels: Array, probabilities: Array, groups: Array) -> Decisions:
    """Make the decisions of a bagged binary ensemble on its out-of-bag predictions.

    Args:
        recipe: The recipe.
        labels: Shape (B,), bool.
        probabilities: Out-of-bag probabilities of the positive class, shape (B,).
        groups: Group numbers, shape (B,), counted from 0.

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
    method = recipe.decision.calibration
    if method == "choose":
        calibration, losses = choose_calibration(labels, probabilities, groups, recipe.split.seed)
        facts = {"log_loss_across_folds": losses}
    elif method != "none":
        calibration = fit_calibration(method, labels, probabilities)
    if calibration is not None:
        probabilities = calibration.apply(probabilities)
    points = operating_points(labels, probabilities, recipe.decision.costs.model_dump())
    facts = {"method": "none" if calibration is None else calibration.method, **facts}
    return Decisions(_with_default(recipe, points), calibration, _refer_band(recipe, points), facts)


def default_decisions(recipe: Recipe) -> Decisions:
    """Make the decisions of a model without out-of-bag predictions, from the recipe alone."""
    if not recipe.data_schema.target.has_threshold:
        return Decisions({})
    return Decisions(_with_default(recipe, {}), refer=_refer_band(recipe, {}))


def _with_default(recipe: Recipe, points: dict[str, float]) -> dict[str, float]:
    threshold = DEFAULT_THRESHOLD if recipe.threshold is None else recipe.threshold
    default = points[threshold] if isinstance(threshold, str) else threshold
    return {"default": default, **points}


def _refer_band(recipe: Recipe, points: dict[str, float]) -> tuple[float, float] | None:
    if not recipe.decision.refer:
        return None
    low, high = (points[each] if isinstance(each, str) else each for each in recipe.decision.refer)
    return (low, high) if low < high else None
