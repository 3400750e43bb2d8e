"""From a recipe to a predictor: the one place that wires table, network, loop and figures."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np

from model.arrays import Array
from model.encoding import Encoder, Scale
from model.evaluation.metrics import scores
from model.network.network import Network
from model.network.row_weights import class_weights
from model.predictor import Predictor, ScoredRows, SelfTest
from model.schema import Schema
from model.target import Binary, Regression, Target
from model.training.checkpoint import Checkpoint
from model.training.dataset import Table
from model.training.loop import Outcome, Watch, minimize
from model.training.parts import Parts, read_parts
from model.training.rate_finder import RateFinding, find_learning_rate
from model.training.recipe import Recipe
from model.training.rows import Rows
from model.training.scaling import fit_encoder, fit_target_scale
from model.training.stored import StoredRows
from model.training.training import Training
from model.training.truth import Tally

SELF_TEST_ROWS = 16


@dataclass(frozen=True)
class Trained:
    """A predictor, and what its pictures are drawn from.

    outcome: its `interrupted` says that Ctrl-C ended the training before its time. table: the rows,
    or a sample of them where they are not held.
    """

    predictor: Predictor
    outcome: Outcome
    table: Table


@dataclass(frozen=True)
class Prepared:
    """A recipe's rows, split and scaled, and its network before the first step.

    A context: rows that are not held are gone at its end.
    """

    parts: Parts
    encoder: Encoder
    network: Network
    theta: Array
    training: Training
    target_scale: Scale | None
    of_class: list[float] | None  # a weight a class

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.parts.close()

    def rows(self, of: Table) -> Rows:
        """What the network is given of rows, or of a sample of them."""
        return Rows(self.encoder.encode(of.rows), *self._taken(of.targets, of.weights))

    def training_rows(self) -> Rows | StoredRows:
        """What it is trained on: all rows that train, also where they are not held."""
        parts = self.parts
        if parts.file is None:
            return self.rows(parts.train)
        weighted = parts.train.weights is not None or self.of_class is not None
        if self.target_scale is not None or self.of_class is not None:
            parts.rewrite(self._taken_of_file)
        sizes = parts.train.rows.shape[1], parts.train.targets.shape[1]
        return StoredRows(Path(parts.file.name), *sizes, self.encoder.encode, weighted=weighted)

    def _taken(self, targets: Array, weights: Array | None) -> tuple[Array, Array | None]:
        """Targets and weights as the loss takes them."""
        if self.of_class is not None:
            weights = class_weights(targets, self.of_class) * (1.0 if weights is None else weights)
        return targets if self.target_scale is None else self.target_scale.apply(targets), weights

    def _taken_of_file(self, targets: Array, weights: Array) -> tuple[Array, Array]:
        taken, changed = self._taken(targets, weights)
        assert changed is not None
        return taken, changed


def prepare(recipe: Recipe) -> Prepared:
    """Read the recipe's table and build its network. Raises DataError where they do not fit."""
    parts = read_parts(recipe)
    fitted_on = parts.table if recipe.scaling.fit_on == "all" else parts.train
    fill = "mode" if recipe.data.missing == "mode" else "median"
    encoder = fit_encoder(
        fitted_on.rows, recipe.data_schema, recipe.scaling.method, recipe.transforms, fill
    )
    of_class = recipe.data.class_weight
    of_class = parts.of_train.balanced() if of_class == "balanced" else of_class
    network, training = recipe.build_network(), recipe.build_training()
    theta = network.initial_parameters(training.initial_generator())
    target, scale = recipe.data_schema.target, None
    if isinstance(target, Regression):
        scale = fit_target_scale(parts.train.targets, target, recipe.scaling.targets)
    return Prepared(parts, encoder, network, theta, training, scale, of_class)


def train(
    recipe: Recipe, *, watch: Watch | None = None, checkpoint: Checkpoint | None = None
) -> Trained:
    """Run a recipe. watch, checkpoint: see `minimize`.

    Raises DataError when the table does not fit the recipe, TrainingError when the loss diverges.
    """
    with prepare(recipe) as prepared:
        outcome = minimize(
            prepared.network,
            prepared.theta,
            prepared.training,
            prepared.training_rows(),
            prepared.rows(prepared.parts.validation),
            watch=watch,
            checkpoint=checkpoint,
        )
    network, encoder, parts = prepared.network, prepared.encoder, prepared.parts

    def predict(rows: Array) -> Array:
        found, scale = network.predict(outcome.theta, encoder.encode(rows)), prepared.target_scale
        return (found if scale is None else scale.undo(found)).astype(np.float64)

    def score(part: Table) -> ScoredRows:
        return ScoredRows(part.targets, predict(part.rows))

    validation = score(parts.validation)
    test_rows = _self_test_rows(recipe.data_schema, parts.train.rows)
    predictor = Predictor(
        name=recipe.name,
        schema=recipe.data_schema,
        encoder=encoder,
        network=network,
        theta=outcome.theta,
        operating_points=recipe.operating_points,
        train=score(parts.train),
        validation=validation,
        self_test=SelfTest(test_rows, predict(test_rows)),
        target_scale=prepared.target_scale,
        facts=_facts(recipe, parts, validation),
    )
    return Trained(predictor, outcome, parts.table)


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


def _counts(target: Target, tally: Tally) -> dict[str, Any]:
    """How many rows there are of what."""
    if isinstance(target, Binary):
        return {"positives": int(tally.counts[1])}
    if isinstance(target, Regression):
        return {}
    return {"rows_of": dict(zip(target.names, tally.counts.tolist(), strict=True))}


def _sampled(parts: Parts) -> dict[str, Any]:
    """How many rows stand for all those that train and validate."""
    sizes = {"train": len(parts.train.rows), "validation": len(parts.validation.rows)}
    return {"trained_on": parts.of_train.rows, "sampled": sizes}


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


def _facts(recipe: Recipe, parts: Parts, validation: ScoredRows) -> dict[str, Any]:
    told = recipe.model_dump(mode="json", exclude={"description", "intended_use", "limits"})
    told["data"]["file"] = recipe.data.file.name
    return {
        "description": recipe.description,
        "intended_use": recipe.intended_use,
        "limits": list(recipe.limits),
        "recipe": told,
        "data": {
            "file": recipe.data.file.name,
            "rows": parts.of_table.rows + parts.dropped,
            "complete_rows": parts.of_table.rows,
            **({} if parts.file is None else _sampled(parts)),
            **_counts(recipe.data_schema.target, parts.of_table),
        },
        "scores": scores(recipe.data_schema.target, validation),
        "versions": {
            "malignancy": version("malignancy"),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
