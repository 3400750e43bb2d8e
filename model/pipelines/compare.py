"""Several recipes, each trained, set side by side."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import joblib

from model.errors import MalignancyError
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.parallel import workers
from model.pipelines.train import train
from model.training.fitting.history import History
from model.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class Compared:
    """What came of a recipe: failure says why, where nothing did.

    figures: of the validation rows, at the recipe's threshold.
    """

    name: str
    failure: str = ""
    parameters: int = 0
    history: History | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def compare(recipes: Sequence[Recipe], jobs: int = 1, cluster: str | None = None) -> list[Compared]:
    """Train each; the figures do not depend on how many at once. jobs, cluster: see `workers`.

    A recipe that fails is told, and the others go on.
    """
    with workers(jobs, cluster):
        found: list[Compared] = joblib.Parallel()(
            joblib.delayed(_compared)(recipe) for recipe in recipes
        )
    return found


def _compared(recipe: Recipe) -> Compared:
    start = time.perf_counter()
    try:
        trained = train(recipe)
    except MalignancyError as error:
        return Compared(recipe.name, str(error))
    predictor = trained.predictor
    return Compared(
        recipe.name,
        parameters=predictor.network.layout.size,
        history=trained.outcome.history,
        metrics=metrics_at_threshold(
            predictor.schema.target, predictor.validation, predictor.threshold
        ),
        seconds=time.perf_counter() - start,
    )
