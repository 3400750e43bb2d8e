"""What is made of a model's probabilities: their calibration, thresholds, and a band to refer."""

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
    """operating_points: thresholds by name, the one in force as "default". refer: two of them, or
    none where they do not leave a band. facts: how the calibration was chosen.
    """

    operating_points: dict[str, float]
    calibration: Calibration | None = None
    refer: tuple[float, float] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def decide(recipe: Recipe, labels: Array, probabilities: Array, groups: Array) -> Decisions:
    """Decisions of a bagged ensemble, by its rows out of bag: labels (B,) bool, probabilities and
    groups (B,). Raises DataError where they are of one class.
    """
    if labels.all() or not labels.any():
        raise DataError("ensemble.bagged: rows of both classes must be out of some member's bag")
    calibration, facts = None, {}
    method = recipe.decision.calibration
    if method == "choose":
        calibration, losses = choose_calibration(labels, probabilities, groups, recipe.split.seed)
        facts = {"log_loss_across_folds": losses}
    elif method != "none":
        calibration = fit_calibration(method, labels, probabilities)
    if calibration is not None:
        probabilities = calibration.apply(probabilities)
    points = operating_points(labels, probabilities, recipe.decision.costs.model_dump())
    told = {"method": "none" if calibration is None else calibration.method, **facts}
    return Decisions(_with_default(recipe, points), calibration, _refer(recipe, points), told)


def decide_without(recipe: Recipe) -> Decisions:
    """Decisions by the recipe alone."""
    if not recipe.data_schema.target.has_threshold:
        return Decisions({})
    return Decisions(_with_default(recipe, {}), refer=_refer(recipe, {}))


def _with_default(recipe: Recipe, points: dict[str, float]) -> dict[str, float]:
    given = DEFAULT_THRESHOLD if recipe.threshold is None else recipe.threshold
    return {"default": points[given] if isinstance(given, str) else given, **points}


def _refer(recipe: Recipe, points: dict[str, float]) -> tuple[float, float] | None:
    if not recipe.decision.refer:
        return None
    low, high = (points[each] if isinstance(each, str) else each for each in recipe.decision.refer)
    return (low, high) if low < high else None
