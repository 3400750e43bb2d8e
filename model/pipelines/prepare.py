"""From a recipe and its parts to what a training is given: inputs, targets, weights, and θ."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.network.network import Network
from model.network.row_weights import class_weights
from model.prediction.encoder import Encoder, Scale
from model.prediction.target import Regression
from model.training.bagging import draw_bags
from model.training.batches.rows import Rows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.recipes.recipe import Recipe
from model.training.tables.fit_encoder import fit_encoder, fit_target_scale
from model.training.tables.partitions import Partitions, read_partitions
from model.training.tables.table import Table

BAGS = 4  # a stream of the training's seed, beside those of rows and noise


@dataclass(frozen=True)
class Prepared:
    """A recipe's rows, split and scaled, and its network before the first step.

    theta: (P,), or of an ensemble (K, P). of_class: a weight a class. bags: how often each training
    row is in each member's bag, (K, N).

    A context: rows that are not held are gone at its end.
    """

    parts: Partitions
    encoder: Encoder
    network: Network
    theta: Array
    training: Training
    target_scale: Scale | None
    of_class: list[float] | None
    bags: Array | None

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
            rows = self.rows(parts.train)
            if self.bags is None:
                return rows
            own = 1.0 if rows.weights is None else np.asarray(rows.weights)
            return Rows(rows.inputs, rows.targets, self.bags * own)
        weighted = parts.train.weights is not None or self.of_class is not None
        if self.target_scale is not None or self.of_class is not None:
            parts.rewrite(self._taken_of_file)
        sizes = parts.train.rows.shape[1], parts.train.targets.shape[1]
        return StoredRows(Path(parts.file.name), *sizes, self.encoder.encode, weighted=weighted)

    def predict(self, theta: Array, rows: Array) -> Array:
        """Predictions (…, B, outputs) of raw rows (B, features), each member's own."""
        found = self.network.predict(theta, self.encoder.encode(rows))
        scaled = found if self.target_scale is None else self.target_scale.undo(found)
        return scaled.astype(np.float64)

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
    return prepare_partitions(recipe, read_partitions(recipe))


def prepare_partitions(recipe: Recipe, parts: Partitions) -> Prepared:
    """The same of these parts of a table."""
    fitted_on = parts.table if recipe.scaling.fit_on == "all" else parts.train
    fill = "mode" if recipe.data.missing == "mode" else "median"
    encoder = fit_encoder(
        fitted_on.rows, recipe.data_schema, recipe.scaling.method, recipe.transforms, fill
    )
    of_class = recipe.data.class_weight
    of_class = parts.train_stats.balanced_class_weights() if of_class == "balanced" else of_class
    network, training = recipe.build_network(), recipe.build_training()
    members = None if recipe.ensemble is None else recipe.ensemble.members
    theta = network.initial_parameters(training.initial_generators(members))
    target, scale = recipe.data_schema.target, None
    if isinstance(target, Regression):
        scale = fit_target_scale(parts.train.targets, target, recipe.scaling.targets)
    bags = _bags(recipe, parts, training.seed)
    return Prepared(parts, encoder, network, theta, training, scale, of_class, bags)


def _bags(recipe: Recipe, parts: Partitions, seed: int) -> Array | None:
    ensemble = recipe.ensemble
    if ensemble is None or not ensemble.bagged:
        return None
    if parts.file is not None:
        rule = "must be false for a table that is too large to be held in memory"
        raise DataError(f"ensemble.bagged {rule}")
    groups = parts.train.group_numbers()
    return draw_bags(groups, ensemble.members, np.random.default_rng([seed, BAGS]))
