"""From a recipe to a predictor: the one place that wires table, network, loop and figures."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from model.arrays import Array
from model.evaluation.metrics import scores
from model.pipelines.prepare import Prepared, prepare
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Schema
from model.prediction.target import Binary, Regression, Target
from model.training.bagging import out_of_bag
from model.training.decisions.decisions import Decisions, decide, decide_without
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.learning_rate_finder import RateFinding, find_learning_rate
from model.training.fitting.loop import ProgressCallback, TrainingResult, minimize
from model.training.recipes.recipe import Recipe
from model.training.tables.partitions import Partitions
from model.training.tables.table import Table
from model.training.tables.targets import TargetStatistics

SELF_TEST_ROWS = 16


@dataclass(frozen=True)
class Trained:
    """A predictor, and what its pictures are drawn from.

    outcome: its `interrupted` says that Ctrl-C ended the training before its time. table: the rows,
    or a sample of them where they are not held.
    """

    predictor: Predictor
    outcome: TrainingResult
    table: Table


def train(
    recipe: Recipe, *, watch: ProgressCallback | None = None, checkpoint: Checkpoint | None = None
) -> Trained:
    """Run a recipe. watch, checkpoint: see `minimize`.

    Raises DataError when the table does not fit the recipe, TrainingError when the loss diverges.
    """
    with prepare(recipe) as prepared:
        return fit(recipe, prepared, watch=watch, checkpoint=checkpoint)


def fit(
    recipe: Recipe,
    prepared: Prepared,
    *,
    watch: ProgressCallback | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train what is prepared, and decide what is made of its predictions."""
    parts = prepared.parts
    outcome = minimize(
        prepared.network,
        prepared.theta,
        prepared.training,
        prepared.training_rows(),
        prepared.rows(parts.validation),
        watch=watch,
        checkpoint=checkpoint,
    )
    theta = outcome.theta
    decisions, facts = _decide(recipe, prepared, theta)

    def predict(rows: Array) -> Array:
        found = prepared.predict(theta, rows)
        found = found.mean(axis=0) if theta.ndim > 1 else found
        return found if decisions.calibration is None else decisions.calibration.apply(found)

    def score(part: Table) -> ScoredRows:
        return ScoredRows(part.targets, predict(part.rows), part.group_numbers(), part.incomplete)

    validation = score(parts.validation)
    test_rows = _self_test_rows(recipe.data_schema, parts.train.rows)
    predictor = Predictor(
        name=recipe.name,
        schema=_with_refer(recipe.data_schema, decisions.refer),
        encoder=prepared.encoder,
        network=prepared.network,
        theta=theta,
        operating_points=decisions.operating_points,
        train=score(parts.train),
        validation=validation,
        self_test=SelfTest(test_rows, predict(test_rows)),
        target_scale=prepared.target_scale,
        calibration=decisions.calibration,
        facts={**_facts(recipe, parts, validation), **facts},
    )
    return Trained(predictor, outcome, parts.table)


def _decide(recipe: Recipe, prepared: Prepared, theta: Array) -> tuple[Decisions, dict[str, Any]]:
    """What is decided by the training rows out of bag, and how good the model is on them."""
    if prepared.bags is None:
        return decide_without(recipe), {}
    part, target = prepared.parts.train, recipe.data_schema.target
    predictions, known = out_of_bag(prepared.predict(theta, part.rows), prepared.bags)
    targets, predictions, groups = part.targets[known], predictions[known], part.group_numbers()
    if isinstance(target, Binary):
        decisions = decide(recipe, targets[:, 0], predictions[:, 0], groups[known])
    else:
        decisions = decide_without(recipe)
    if decisions.calibration is not None:
        predictions = decisions.calibration.apply(predictions)
    scored = ScoredRows(targets, predictions, groups[known], part.incomplete[known])
    told = {"rows": int(known.sum()), "scores": scores(target, scored), **decisions.facts}
    return decisions, {"out_of_bag": told}


def _with_refer(schema: Schema, refer: tuple[float, float] | None) -> Schema:
    """The schema with the band that was chosen."""
    if refer is None:
        return schema
    return schema.model_copy(update={"target": schema.target.model_copy(update={"refer": refer})})


def find_rate(recipe: Recipe) -> RateFinding:
    """A learning-rate range test of the recipe's network, optimizer and training rows.

    By mini-batches, also where the recipe takes all rows at once.
    """
    with prepare(recipe) as prepared:
        rows, size = prepared.rows(prepared.parts.train), prepared.training.batch_size
    return find_learning_rate(
        prepared.network,
        prepared.theta,
        rows.inputs,
        rows.targets,
        prepared.training.optimizer,
        batch_size=size if isinstance(size, int) else 64,
        seed=prepared.training.seed,
    )


def _counts(target: Target, tally: TargetStatistics) -> dict[str, Any]:
    """How many rows there are of what."""
    if isinstance(target, Binary):
        return {"positives": int(tally.counts[1])}
    if isinstance(target, Regression):
        return {}
    return {"rows_of": dict(zip(target.names, tally.counts.tolist(), strict=True))}


def _sampled(parts: Partitions) -> dict[str, Any]:
    """How many rows stand for all those that train and validate."""
    sizes = {"train": len(parts.train.rows), "validation": len(parts.validation.rows)}
    return {"trained_on": parts.train_stats.rows, "sampled": sizes}


def _self_test_rows(schema: Schema, rows: Array) -> Array:
    """Made-up rows within the range of the training rows: no patient's values leave with them.

    The last row has every value missing that may be.
    """
    low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    made = np.random.default_rng(0).uniform(low, high, (SELF_TEST_ROWS, len(low)))
    whole = [feature.type != "number" for feature in schema.features]
    made[:, whole] = np.rint(made[:, whole])
    made[-1, [feature.may_be_missing for feature in schema.features]] = np.nan
    return made


def _facts(recipe: Recipe, parts: Partitions, validation: ScoredRows) -> dict[str, Any]:
    told = recipe.model_dump(mode="json", exclude={"description", "intended_use", "limits"})
    told["data"]["file"] = recipe.data.file.name
    return {
        "description": recipe.description,
        "intended_use": recipe.intended_use,
        "limits": list(recipe.limits),
        "recipe": told,
        "data": {
            "file": recipe.data.file.name,
            "rows": parts.table_stats.rows + parts.dropped,
            "rows_used": parts.table_stats.rows,
            **({} if parts.file is None else _sampled(parts)),
            **_counts(recipe.data_schema.target, parts.table_stats),
        },
        "scores": scores(recipe.data_schema.target, validation),
        "versions": {
            "malignancy": version("malignancy"),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
