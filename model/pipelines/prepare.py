"""Preparation of a training: encoded rows, scaled targets, weights and initial parameters."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.network.network import Network
from model.prediction.encoder import Encoder, Scale
from model.prediction.target import Binary, MultiClass, Regression
from model.training.bagging import bags_of_ensemble
from model.training.batches.rows import Rows
from model.training.batches.stored_rows import StoredRows
from model.training.recipes.recipe import Recipe
from model.training.tables.fit_encoder import fit_encoder, fit_target_scale
from model.training.tables.masking import CategoryMask
from model.training.tables.partitions import Partitions
from model.training.tables.table import Table


@dataclass(frozen=True)
class Prepared:
    """A recipe's rows, split and encoded, and its untrained network.

    Attributes:
        parts: Training and validation rows.
        encoder: The fitted encoder.
        network: The network.
        theta: Initial parameters, `(P,)`, or `(K, P)` of an ensemble.
        target_scale: Scale of a regression's targets, else None.
        weight_by_class: A weight for each class, or None.
        bags: How often each training row is in each member's bag, `(K, N)`, or None.
        mask: The mask of categories in training rows.
    """

    parts: Partitions
    encoder: Encoder
    network: Network
    theta: Array
    target_scale: Scale | None
    weight_by_class: list[float] | None
    bags: Array | None
    mask: CategoryMask

    @property
    def first_theta(self) -> Array:
        """Initial parameters of one network, `(P,)`: the first member of an ensemble."""
        first: Array = np.atleast_2d(self.theta)[0]
        return first

    def rows(self, part: Table) -> Rows:
        """Encode rows as network inputs, with scaled targets and weights."""
        return Rows(self.encoder.encode(part.rows), *self._scale(part.targets, part.weights))

    def training_rows(self) -> Rows | StoredRows:
        """Return all training rows, with masked categories, in memory or stored in a file."""
        parts = self.parts
        if parts.file is None:
            masked = replace(parts.train, rows=self.mask(parts.train.rows))
            return replace(self.rows(masked), bags=self.bags)
        weighted = parts.train.weights is not None or self.weight_by_class is not None
        sizes = parts.train.rows.shape[1], parts.train.targets.shape[1]
        encode = _MaskedEncoder(self.mask, self.encoder)
        return StoredRows(Path(parts.file.name), *sizes, encode, self._scale, weighted=weighted)

    def predict(self, theta: Array, rows: Array) -> Array:
        """Predict raw rows, without averaging the members of an ensemble.

        Args:
            theta: Parameters, `(P,)` or `(K, P)`.
            rows: Raw rows, `(B, F)`.

        Returns:
            Uncalibrated predictions, `(B, outputs)` or `(K, B, outputs)`, float64.
        """
        output = self.network.predict(theta, self.encoder.encode(rows))
        unscaled = output if self.target_scale is None else self.target_scale.undo(output)
        return unscaled.astype(np.float64)

    @property
    def _scale(self) -> "_TargetScale":
        return _TargetScale(self.target_scale, self.weight_by_class)


@dataclass(frozen=True)
class _MaskedEncoder:
    """Encoder of training rows; a process of members receives a copy.

    Attributes:
        mask: The mask of categories.
        encoder: The fitted encoder.
    """

    mask: CategoryMask
    encoder: Encoder

    def __call__(self, rows: Array) -> Array:
        """Mask and encode raw rows."""
        return self.encoder.encode(self.mask(rows))


@dataclass(frozen=True)
class _TargetScale:
    """Scale of targets, and weights of classes; a process of members receives a copy.

    Attributes:
        scale: Scale of a regression's targets, else None.
        weight_by_class: A weight for each class, or None.
    """

    scale: Scale | None
    weight_by_class: list[float] | None

    def __call__(self, targets: Array, weights: Array | None) -> tuple[Array, Array | None]:
        """Scale targets, and multiply the weights of rows and classes."""
        if self.weight_by_class is not None:
            by_row = np.asarray(self.weight_by_class)[targets[:, 0].astype(int)]
            weights = by_row if weights is None else by_row * weights
        return targets if self.scale is None else self.scale.apply(targets), weights


def prepare(recipe: Recipe, parts: Partitions) -> Prepared:
    """Prepare a training.

    Args:
        recipe: The recipe.
        parts: Training and validation rows.

    Raises:
        DataError: The rows do not fit the recipe.
    """
    fitted_on = parts.development if recipe.scaling.fit_on == "all" else parts.train
    fill = "mode" if recipe.data.missing == "mode" else "median"
    scaling = recipe.scaling
    encoder = fit_encoder(
        fitted_on.rows,
        recipe.schema,
        scaling.method,
        recipe.transforms,
        fill,
        intervals=scaling.intervals,
        smooth_clip=scaling.smooth_clip,
    )
    weight_by_class = recipe.data.class_weight
    weight_by_class = (
        parts.train_stats.balanced_class_weights()
        if weight_by_class == "balanced"
        else weight_by_class
    )
    members = None if recipe.ensemble is None else recipe.ensemble.members
    theta = recipe.network.initial_parameters(recipe.training.initial_generators(members))
    target, scale = recipe.schema.target, None
    if isinstance(target, Regression):
        scale = fit_target_scale(parts.train.targets, target, recipe.scaling.targets)
    seed = recipe.training.seed
    bags = draw_bags_of(recipe, parts)
    mask = CategoryMask.fit(parts.train.rows, recipe.schema, seed)
    return Prepared(parts, encoder, recipe.network, theta, scale, weight_by_class, bags, mask)


def draw_bags_of(recipe: Recipe, parts: Partitions) -> Array | None:
    """Draw how often each training row is in each member's bag, `(K, N)`; None without bags.

    Args:
        recipe: The recipe.
        parts: Its rows.

    Raises:
        DataError: The table is too large for bags, or has too few groups.
    """
    ensemble, target = recipe.ensemble, recipe.schema.target
    if ensemble is None or not ensemble.bagged:
        return None
    if parts.file is not None:
        rule = "must be false for a table that is too large to be held in memory"
        raise DataError(f"ensemble.bagged {rule}")
    classes = parts.train.targets[:, 0] if isinstance(target, Binary | MultiClass) else None
    members, folds, groups = ensemble.members, ensemble.folds, parts.train.group_numbers()
    return bags_of_ensemble(members, folds, classes, groups, recipe.training.seed)
