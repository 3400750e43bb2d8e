"""Comparison of recipes: train each, and collect its validation metrics."""

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
    """The result of one recipe.

    Attributes:
        name: The recipe's name.
        failure: Error text of a recipe that failed, else "".
        parameters: Number of parameters of the network, of one member of an ensemble.
        history: Losses of the training; None after a failure.
        metrics: Metrics of the validation rows at the model's threshold.
        seconds: Training time, in seconds.
    """

    name: str
    failure: str = ""
    parameters: int = 0
    history: History | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def compare(recipes: Sequence[Recipe], jobs: int = 1, cluster: str | None = None) -> list[Compared]:
    """Train each recipe; metrics do not depend on the number of processes.

    A recipe that fails does not stop the others: its result holds the error text.

    Args:
        recipes: The recipes.
        jobs: Number of processes, as in `workers`.
        cluster: Address of a Dask scheduler, as in `workers`.

    Returns:
        One result a recipe, in order.
    """
    with workers(jobs, cluster):
        results: list[Compared] = joblib.Parallel()(
            joblib.delayed(_compared)(recipe) for recipe in recipes
        )
    return results


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
