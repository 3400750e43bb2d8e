"""Comparison of recipes: train each, and collect its validation metrics."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from model.errors import MalignancyError
from model.metrics.threshold_metrics import metrics_at_threshold
from model.parallel.opening import open_pool
from model.parallel.pool import in_order
from model.pipelines.train import train
from model.training.fitting.history import History
from model.training.recipes.recipe import Recipe
from model.training.tables.partitions import Partitions, read_partitions


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
        jobs: Number of processes.
        cluster: Address of a Dask scheduler, whose workers are used instead. They get the tables
            from this process; one that is too large for memory is read by its path.

    Returns:
        One result a recipe, in order.
    """
    with open_pool(jobs, cluster) as pool:
        shared = pool.share(_tables(recipes) if cluster is not None else {})
        return list(in_order(pool.run(_compared, list(enumerate(recipes)), shared)))


def _tables(recipes: Sequence[Recipe]) -> dict[int, Partitions]:
    """Read the table of each recipe; recipes of one table and one split share it.

    What cannot be read or held in memory is left out: the training reads it and says why.

    Args:
        recipes: The recipes.

    Returns:
        The rows, by the number of the recipe.
    """
    found: dict[int, Partitions] = {}
    known: dict[str, Partitions] = {}
    for number, recipe in enumerate(recipes):
        key = repr((recipe.data, recipe.split, recipe.schema))
        with suppress(MalignancyError):
            if key not in known:
                known[key] = read_partitions(recipe)
            known[key].close()
            if known[key].file is None:
                found[number] = known[key]
    return found


def _compared(tables: dict[int, Partitions], numbered: tuple[int, Recipe]) -> Compared:
    number, recipe = numbered
    start = time.perf_counter()
    try:
        trained = train(recipe, parts=tables.get(number))
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
