"""How good a recipe is on rows it has not learned from: each is predicted by a model of others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import joblib
import numpy as np

from model.arrays import Array
from model.pipelines.parallel import workers
from model.pipelines.prepare import prepare_partitions
from model.pipelines.train import fit
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass
from model.training.recipes.recipe import Recipe
from model.training.schedules.plateau import ReduceOnPlateau
from model.training.tables.partitions import Partitions
from model.training.tables.splits import by_folds, by_fraction
from model.training.tables.table import Table
from model.training.tables.targets import TargetStatistics

INNER_FRACTION = 0.2  # of a fold's training rows, for a training that watches some


@dataclass(frozen=True)
class OutOfFold:
    """A table's rows, each predicted by a model that has not seen it, nor its group.

    thresholds: each operating point of the model that predicted a row, by name, (N,).
    """

    scored: ScoredRows
    thresholds: dict[str, Array]


def draw_folds(recipe: Recipe, table: Table, folds: int, repeats: int) -> list[Array]:
    """Each row's fold (N,), for each repeat: of classes alike, groups whole."""
    target = recipe.data_schema.target
    classes = table.targets[:, 0] if isinstance(target, Binary | MultiClass) else None
    return [
        by_folds(folds, classes, table.groups, len(table.rows), seed) for seed in range(repeats)
    ]


def cross_validate(
    recipe: Recipe,
    table: Table,
    assignments: Sequence[Array],
    jobs: int = 1,
    cluster: str | None = None,
) -> list[OutOfFold]:
    """Train a model for each fold of each assignment (N,), on the rows of the other folds.

    Everything is fitted within: scaler, filling, weights, early stopping (on a part of the rows
    that train), thresholds, calibration. jobs, cluster: see `workers`. Raises as `train` does.
    """
    tasks = [
        (place, fold)
        for place, assignment in enumerate(assignments)
        for fold in range(int(assignment.max()) + 1)
    ]
    with workers(jobs, cluster):
        done = joblib.Parallel()(
            joblib.delayed(_fold)(recipe, table, assignments[place] == fold)
            for place, fold in tasks
        )
    found = []
    for place in range(len(assignments)):
        predictions = np.empty((len(table.rows), len(recipe.data_schema.target.names)))
        thresholds: dict[str, Array] = {}
        for (number, fold), (predicted, points) in zip(tasks, done, strict=True):
            if number == place:
                held = assignments[place] == fold
                predictions[held] = predicted
                for name, point in points.items():
                    thresholds.setdefault(name, np.empty(len(table.rows)))[held] = point
        groups = table.group_numbers()
        scored = ScoredRows(table.targets, predictions, groups, table.incomplete)
        found.append(OutOfFold(scored, thresholds))
    return found


def _fold(recipe: Recipe, table: Table, held: Array) -> tuple[Array, dict[str, float]]:
    """Predictions of the rows that are held out, and the operating points of their model."""
    rest, held_out = table.take(~held), table.take(held)
    predictor = fit_table(recipe, rest)
    return predictor.predict(held_out.rows), dict(predictor.operating_points)


def fit_table(recipe: Recipe, table: Table) -> Predictor:
    """A model of all these rows; where its training watches validation rows, of most of them."""
    target, training = recipe.data_schema.target, recipe.build_training()
    watches = training.early_stopping is not None or isinstance(training.schedule, ReduceOnPlateau)
    train, validation = table, table.take(np.arange(0, len(table.rows), 10))
    if watches:
        classes = table.targets[:, 0] if isinstance(target, Binary | MultiClass) else None
        seed = recipe.split.seed
        parts = by_fraction(INNER_FRACTION, classes, table.groups, len(table.rows), seed)
        train, validation = (table.take(index) for index in parts)
    table_stats, train_stats = (
        TargetStatistics(target).add(table.targets),
        TargetStatistics(target).add(train.targets),
    )
    train_stats.check()
    prepared = prepare_partitions(
        recipe, Partitions(table, train, validation, table_stats, train_stats, 0)
    )
    quiet = replace(prepared.training, report_every=prepared.training.epochs)
    prepared = replace(prepared, training=prepared.training if watches else quiet)
    return fit(recipe, prepared).predictor
