"""From a recipe to a predictor: the one place that wires table, network, loop and figures."""

import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from model.arrays import Array
from model.encoding import Encoder, Scale
from model.evaluation.metrics import scores
from model.network.network import Network
from model.network.row_weights import class_weights
from model.predictor import Predictor, ScoredRows, SelfTest
from model.schema import Schema
from model.target import Binary, Regression, Target
from model.training.batches import Rows
from model.training.checkpoint import Checkpoint
from model.training.dataset import Table, read_table, split_table
from model.training.loop import Outcome, Watch, minimize
from model.training.rate_finder import RateFinding, find_learning_rate
from model.training.recipe import Recipe
from model.training.scaling import fit_encoder, fit_target_scale
from model.training.training import Training
from model.training.truth import groups_of

SELF_TEST_ROWS = 16


@dataclass(frozen=True)
class Trained:
    """A predictor, and what its pictures are drawn from.

    outcome: its `interrupted` says that Ctrl-C ended the training before its time.
    """

    predictor: Predictor
    outcome: Outcome
    table: Table


@dataclass(frozen=True)
class Prepared:
    """A recipe's rows, split and scaled, and its network before the first step."""

    table: Table
    train: Table
    validation: Table
    encoder: Encoder
    network: Network
    theta: Array
    training: Training
    target_scale: Scale | None

    def rows(self, of: Table) -> Rows:
        """What the network is given of a part of the table."""
        scale = self.target_scale
        targets = of.targets if scale is None else scale.apply(of.targets)
        return Rows(self.encoder.encode(of.rows), targets, of.weights)


def prepare(recipe: Recipe) -> Prepared:
    """Read the recipe's table and build its network. Raises DataError where they do not fit."""
    table = read_table(recipe)
    train_rows, validation_rows = split_table(table, recipe)
    fitted_on = table if recipe.scaling.fit_on == "all" else train_rows
    fill = "mode" if recipe.data.missing == "mode" else "median"
    encoder = fit_encoder(
        fitted_on.rows, recipe.data_schema, recipe.scaling.method, recipe.transforms, fill
    )
    if recipe.data.class_weight is not None:
        of_class = class_weights(train_rows.targets, recipe.data.class_weight)
        own = 1.0 if train_rows.weights is None else train_rows.weights
        train_rows = replace(train_rows, weights=of_class * own)
    network, training = recipe.build_network(), recipe.build_training()
    theta = network.initial_parameters(training.initial_generator())
    target, scale = recipe.data_schema.target, None
    if isinstance(target, Regression):
        scale = fit_target_scale(train_rows.targets, target, recipe.scaling.targets)
    return Prepared(table, train_rows, validation_rows, encoder, network, theta, training, scale)


def train(
    recipe: Recipe, *, watch: Watch | None = None, checkpoint: Checkpoint | None = None
) -> Trained:
    """Run a recipe. watch, checkpoint: see `minimize`.

    Raises DataError when the table does not fit the recipe, TrainingError when the loss diverges.
    """
    prepared = prepare(recipe)
    network, encoder, schema = prepared.network, prepared.encoder, recipe.data_schema
    outcome = minimize(
        network,
        prepared.theta,
        prepared.training,
        prepared.rows(prepared.train),
        prepared.rows(prepared.validation),
        watch=watch,
        checkpoint=checkpoint,
    )

    def predict(rows: Array) -> Array:
        found, scale = network.predict(outcome.theta, encoder.encode(rows)), prepared.target_scale
        return (found if scale is None else scale.undo(found)).astype(np.float64)

    def score(part: Table) -> ScoredRows:
        return ScoredRows(part.targets, predict(part.rows))

    validation = score(prepared.validation)
    test_rows = _self_test_rows(schema, prepared.train.rows)
    predictor = Predictor(
        name=recipe.name,
        schema=schema,
        encoder=encoder,
        network=network,
        theta=outcome.theta,
        operating_points=recipe.operating_points,
        train=score(prepared.train),
        validation=validation,
        self_test=SelfTest(test_rows, predict(test_rows)),
        target_scale=prepared.target_scale,
        facts=_facts(recipe, prepared.table, validation),
    )
    return Trained(predictor, outcome, prepared.table)


def find_rate(recipe: Recipe) -> RateFinding:
    """A learning-rate range test of the recipe's network, optimizer and training rows.

    By mini-batches, also where the recipe takes all rows at once.
    """
    prepared = prepare(recipe)
    rows, size = prepared.rows(prepared.train), prepared.training.batch_size
    return find_learning_rate(
        prepared.network,
        prepared.theta,
        rows.inputs,
        rows.targets,
        prepared.training.optimizer,
        batch_size=size if isinstance(size, int) else 64,
        seed=prepared.training.seed,
    )


def _counts(target: Target, targets: Array) -> dict[str, Any]:
    """How many rows there are of what."""
    if isinstance(target, Binary):
        return {"positives": int(targets.sum())}
    if isinstance(target, Regression):
        return {}
    return {"rows_of": {name: int(mask.sum()) for name, mask in groups_of(targets, target).items()}}


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


def _facts(recipe: Recipe, table: Table, validation: ScoredRows) -> dict[str, Any]:
    told = recipe.model_dump(mode="json", exclude={"description", "intended_use", "limits"})
    told["data"]["file"] = recipe.data.file.name
    return {
        "description": recipe.description,
        "intended_use": recipe.intended_use,
        "limits": list(recipe.limits),
        "recipe": told,
        "data": {
            "file": recipe.data.file.name,
            "rows": len(table.rows) + table.dropped,
            "complete_rows": len(table.rows),
            **_counts(recipe.data_schema.target, table.targets),
        },
        "scores": scores(recipe.data_schema.target, validation),
        "versions": {
            "malignancy": version("malignancy"),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
