"""Cross-validation: each row is predicted by a model that was trained on other rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.arrays import Array
from model.parallel.opening import open_pool
from model.parallel.pool import in_order
from model.pipelines.train import fit
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, Target
from model.training.draws import by_folds
from model.training.fitting.loop import ProgressCallback
from model.training.recipes.recipe import Recipe
from model.training.recipes.sections import Split
from model.training.tables.partitions import hold_partitions
from model.training.tables.splits import split_table
from model.training.tables.table import Table

INNER_FRACTION = 0.2  # of a fold's training rows, for early stopping and schedules


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions: no model was trained on the rows, or the groups, that it predicts.

    Attributes:
        scored: Targets and predictions of all N rows.
        thresholds: Operating points by name, of the model that predicted each row, `(N,)`.
    """

    scored: ScoredRows
    thresholds: dict[str, Array]


def draw_folds(target: Target, table: Table, folds: int, repeats: int) -> list[Array]:
    """Assign rows to folds, stratified by class and without splitting groups.

    Args:
        target: The target, which says whether there are classes.
        table: Table of N rows.
        folds: Number of folds.
        repeats: Number of assignments, with seeds from 0 on.

    Returns:
        The fold of each row, `(N,)`, one array a repeat.
    """
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
    """Train a model for each fold of each assignment, on the rows of the other folds.

    Everything is fitted on these rows: scaler, imputation, weights, early stopping (on 20 % of
    them, or on out-of-bag rows), thresholds and calibration.

    Args:
        recipe: The recipe.
        table: Table of N rows.
        assignments: The fold of each row, `(N,)`, for each repeat.
        jobs: Number of processes.
        cluster: Address of a Dask scheduler, whose workers are used instead; the table is sent to
            each once.

    Returns:
        The predictions of all rows, for each assignment.

    Raises:
        DataError: The table does not fit the recipe.
        TrainingError: The loss of a training diverges.
    """
    folds = [
        (repeat, fold)
        for repeat, assignment in enumerate(assignments)
        for fold in range(int(assignment.max()) + 1)
    ]
    with open_pool(jobs, cluster) as pool:
        shared = pool.share((recipe, table, list(assignments)))
        outputs = list(in_order(pool.run(_fold, folds, shared)))
    targets, rows, groups = table.targets, len(table.rows), table.group_numbers()
    shape = rows, len(recipe.schema.target.names)
    results = [
        OutOfFold(ScoredRows(targets, np.empty(shape), groups, table.incomplete), {})
        for _ in assignments
    ]
    for (repeat, fold), (predicted, points) in zip(folds, outputs, strict=True):
        held = assignments[repeat] == fold
        results[repeat].scored.predictions[held] = predicted
        for name, point in points.items():
            results[repeat].thresholds.setdefault(name, np.empty(rows))[held] = point
    return results


def _fold(
    shared: tuple[Recipe, Table, list[Array]], place: tuple[int, int]
) -> tuple[Array, dict[str, float]]:
    """Train without the rows of a fold; return their predictions and the operating points."""
    recipe, table, assignments = shared
    repeat, fold = place
    held = assignments[repeat] == fold
    rest, held_out = table.take(~held), table.take(held)
    predictor = fit_table(recipe, rest)
    return predictor.predict(held_out.rows), dict(predictor.operating_points)


def fit_table(recipe: Recipe, table: Table, watch: ProgressCallback | None = None) -> Predictor:
    """Train a model on all rows of a table.

    Where early stopping or the schedule needs validation rows, 20 % of the rows are used for that
    and the others for training. Early stopping on out-of-bag rows needs none.

    Args:
        recipe: The recipe.
        table: The table.
        watch: Called after each step, as in `minimize`.

    Raises:
        DataError: The table does not fit the recipe.
        TrainingError: The loss diverges.
        KeyboardInterrupt: Ctrl-C, or `watch`, ended the training early.
    """
    target, training = recipe.schema.target, recipe.training
    if not training.needs_validation:
        train, validation = table, table.take(np.arange(0, len(table.rows), 10))
        if training.early_stopping is None:
            # Nothing depends on the records, so losses are evaluated at the end only.
            recipe = replace(recipe, training=replace(training, report_every=training.epochs))
    else:
        split = Split(validation=INNER_FRACTION, seed=recipe.split.seed)
        train, validation, _ = split_table(table, split, target)
    trained = fit(recipe, hold_partitions(table, train, validation, target), watch=watch)
    if trained.outcome.interrupted:  # the predictions of such a model would mean something else
        raise KeyboardInterrupt
    return trained.predictor
