"""Training: from a recipe to a predictor with decisions, metadata and scores."""

import platform
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from model.arrays import Array
from model.drift.reference import FACT, DriftReference
from model.errors import DataError, TrainingError
from model.evaluation.metrics import scores
from model.metrics.threshold_metrics import regression_metrics
from model.parallel.opening import open_pool
from model.parallel.pool import Pool
from model.pipelines.examine import examine
from model.pipelines.prepare import Prepared, prepare
from model.prediction.facts import within_limits
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Schema
from model.prediction.target import Binary, Regression, Target
from model.training.bagging import out_of_bag
from model.training.decisions.decisions import decide, default_decisions
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.learning_rate_finder import RateFinding, find_learning_rate
from model.training.fitting.loop import ProgressCallback, TrainingResult, minimize
from model.training.recipes.recipe import Recipe
from model.training.tables.partitions import Partitions, read_partitions
from model.training.tables.table import Table
from model.training.tables.targets import TargetStatistics
from model.training.tables.training_sample import draw_training_sample

SELF_TEST_ROWS = 16


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        predictor: The trained model.
        outcome: Parameters and history; `interrupted` after a training that Ctrl-C ended early.
        table: All rows, or a sample of a table that is not held in memory.
    """

    predictor: Predictor
    outcome: TrainingResult
    table: Table


def train(
    recipe: Recipe,
    *,
    watch: ProgressCallback | None = None,
    checkpoint: Checkpoint | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    parts: Partitions | None = None,
) -> Trained:
    """Train a recipe.

    Args:
        recipe: The recipe.
        watch: Called after each step, as in `minimize`.
        checkpoint: Saves and resumes the state of the training, as in `minimize`.
        jobs: Number of processes for the members of an ensemble, as in `minimize`.
        cluster: Address of a Dask scheduler, whose workers train the members instead.
        parts: The recipe's rows, if they are read already.

    Raises:
        DataError: The table does not fit the recipe.
        TrainingError: The loss diverges.
    """
    if cluster is not None and recipe.ensemble is None:
        raise TrainingError("--cluster: a single network is trained by one process")
    with ExitStack() as stack:
        if parts is None:
            parts = stack.enter_context(closing(read_partitions(recipe)))
        pool = None
        if cluster is not None:
            pool = stack.enter_context(open_pool(jobs, cluster))
        trained = fit(recipe, parts, watch=watch, checkpoint=checkpoint, jobs=jobs, pool=pool)
        found = within_limits(examine(recipe, parts, trained.predictor))
        drift = DriftReference.fit(trained.predictor, parts.train.rows).to_json()
        facts = {**trained.predictor.facts, **found, FACT: drift}
    return replace(trained, predictor=replace(trained.predictor, facts=facts))


def fit(
    recipe: Recipe,
    parts: Partitions,
    *,
    watch: ProgressCallback | None = None,
    checkpoint: Checkpoint | None = None,
    jobs: int = 1,
    pool: Pool | None = None,
) -> Trained:
    """Train on given rows, then choose thresholds, refer band and calibration.

    Args:
        recipe: The recipe.
        parts: Training and validation rows.
        watch: Called after each step, as in `minimize`.
        checkpoint: Saves and resumes the state of the training, as in `minimize`.
        jobs: Number of processes for the members of an ensemble, as in `minimize`.
        pool: A cluster's workers, which train the members instead, as in `minimize`.

    Raises:
        DataError: The rows do not fit the recipe.
        TrainingError: The loss diverges.
    """
    prepared = prepare(recipe, parts)
    outcome = minimize(
        recipe.network,
        prepared.theta,
        recipe.training,
        prepared.training_rows(),
        None if recipe.split.is_out_of_bag else prepared.rows(parts.validation),
        watch=watch,
        checkpoint=checkpoint,
        jobs=jobs,
        pool=pool,
    )
    theta = outcome.theta
    bagged, weights = _out_of_bag(prepared, theta)
    decisions = (
        default_decisions(recipe.threshold, recipe.decision)
        if bagged is None
        else decide(
            recipe.threshold,
            recipe.decision,
            recipe.schema.target,
            bagged,
            recipe.split.seed,
            weights,
        )
    )
    if bagged is not None and decisions.calibration is not None:
        bagged = replace(bagged, predictions=decisions.calibration.apply(bagged.predictions))

    nothing = ScoredRows.ungrouped(np.empty((0, 1)), np.empty((0, 1)))
    unscored = Predictor(
        name=recipe.name,
        schema=_with_refer(recipe.schema, decisions.refer),
        encoder=prepared.encoder,
        network=recipe.network,
        theta=theta,
        operating_points=decisions.operating_points,
        train=nothing,
        validation=nothing,
        self_test=SelfTest(nothing.targets, nothing.predictions),
        target_scale=prepared.target_scale,
        calibration=decisions.calibration,
    )
    if bagged is not None and recipe.split.is_out_of_bag:
        validation = bagged
    else:
        validation = _score(unscored, parts.validation)
    test_rows = _self_test_rows(recipe.schema, parts.train.rows)
    facts = {**_facts(recipe, parts, validation), "loss_history": outcome.history.thinned()}
    test = None if parts.test is None else _score(unscored, parts.test)
    if test is not None:
        facts["test"] = {"rows": len(test.targets), "scores": scores(recipe.schema.target, test)}
    if bagged is not None:
        facts["out_of_bag"] = {**_out_of_bag_facts(recipe.schema.target, bagged), **decisions.facts}
    predictor = replace(
        unscored,
        train=_score(unscored, parts.train),
        validation=validation,
        self_test=SelfTest(test_rows, unscored.predict(test_rows).astype(np.float64)),
        test=test,
        out_of_bag=bagged,
        sample=draw_training_sample(
            parts.train, recipe.schema.target, recipe.explanation.rows, recipe.split.seed
        ),
        facts=within_limits(facts),
    )
    return Trained(predictor, outcome, parts.table)


def _score(predictor: Predictor, part: Table) -> ScoredRows:
    """Predict rows as the service does, so that the stored predictions equal the served ones."""
    predictions = predictor.predict(part.rows).astype(np.float64)
    return ScoredRows(part.targets, predictions, part.group_numbers(), part.incomplete)


def _out_of_bag(prepared: Prepared, theta: Array) -> tuple[ScoredRows | None, Array | None]:
    """Return uncalibrated out-of-bag predictions of the training rows, if any, and row weights."""
    if prepared.bags is None:
        return None, None
    part = prepared.parts.train
    predictions, known = out_of_bag(prepared.predict(theta, part.rows), prepared.bags)
    if not known.any():
        raise DataError(
            "ensemble.bagged: all training rows are in every bag: add members or groups"
        )
    rows = part.take(known)
    scored = ScoredRows(rows.targets, predictions[known], rows.group_numbers(), rows.incomplete)
    return scored, rows.weights


def _out_of_bag_facts(target: Target, scored: ScoredRows) -> dict[str, Any]:
    """Return the number and the scores of out-of-bag predictions; of numbers, mean R²."""
    found: dict[str, float | None] = scores(target, scored)
    if isinstance(target, Regression):
        pairs = zip(scored.targets.T, scored.predictions.T, strict=True)
        values = [regression_metrics(*pair)["r_squared"] for pair in pairs]
        known = [value for value in values if value is not None]
        found = {"r_squared": sum(known) / len(known) if len(known) == len(values) else None}
    return {"rows": len(scored.targets), "scores": found}


def _with_refer(schema: Schema, refer: tuple[float, float] | None) -> Schema:
    """Return the schema with the chosen refer band."""
    if refer is None:
        return schema
    return schema.model_copy(update={"target": schema.target.model_copy(update={"refer": refer})})


def find_rate(recipe: Recipe) -> RateFinding:
    """Run a learning-rate range test of a recipe's network, optimizer and training rows.

    The test needs mini-batches: it uses 64 rows where the recipe trains on all rows at once. Of an
    ensemble, it trains the first member.
    """
    training, size = recipe.training, recipe.training.batch_size
    with closing(read_partitions(recipe)) as parts:
        prepared = prepare(recipe, parts)
        rows = prepared.rows(parts.train)
    return find_learning_rate(
        recipe.network,
        prepared.first_theta,
        rows.inputs,
        rows.targets,
        training.optimizer,
        batch_size=size if isinstance(size, int) else 64,
        seed=training.seed,
    )


def _counts(target: Target, statistics: TargetStatistics) -> dict[str, Any]:
    """Count the rows of the positive label, or of each class or label."""
    if isinstance(target, Binary):
        return {"positives": int(statistics.counts[1])}
    if isinstance(target, Regression):
        return {}
    return {"rows_of": dict(zip(target.names, statistics.counts.tolist(), strict=True))}


def _sampled(parts: Partitions) -> dict[str, Any]:
    """Return the sizes of the samples that stand for all training and validation rows."""
    sizes = {"train": len(parts.train.rows), "validation": len(parts.validation.rows)}
    if parts.test is not None:
        sizes["test"] = len(parts.test.rows)
    return {"trained_on": parts.train_stats.rows, "sampled": sizes}


def _self_test_rows(schema: Schema, rows: Array) -> Array:
    """Generate rows within the range of the training rows; no patient's values are among them.

    All values of the last row are missing that may be.
    """
    low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    generated = np.random.default_rng(0).uniform(low, high, (SELF_TEST_ROWS, len(low)))
    whole = [feature.type != "number" for feature in schema.features]
    generated[:, whole] = np.rint(generated[:, whole])
    generated[-1, [feature.may_be_missing for feature in schema.features]] = np.nan
    return generated


def _facts(recipe: Recipe, parts: Partitions, validation: ScoredRows) -> dict[str, Any]:
    return {
        **recipe.facts,
        "data": {
            "file": recipe.data.file.name,
            "rows": parts.table_stats.rows + parts.dropped,
            "rows_used": parts.table_stats.rows,
            **({} if parts.file is None else _sampled(parts)),
            **_counts(recipe.schema.target, parts.table_stats),
        },
        "scores": scores(recipe.schema.target, validation),
        "versions": {
            "malignancy": version("malignancy"),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
