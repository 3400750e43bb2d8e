"""Rehearsal of a training: all of it, with one step only."""

from contextlib import closing

from model.artifacts import artifact
from model.pipelines.train import fit
from model.training.recipes.recipe import Recipe
from model.training.tables.partitions import read_partitions


def rehearse(recipe: Recipe) -> None:
    """Read and encode a recipe's table, train one step, decide, score, and load the result.

    Args:
        recipe: The recipe.

    Raises:
        DataError: The table does not fit the recipe.
        TrainingError: The loss diverges.
        ArtifactError: The model cannot be kept in an artifact.
    """
    with closing(read_partitions(recipe)) as parts:
        trained = fit(recipe, parts, watch=lambda *_: True)
    artifact.from_bytes(artifact.to_bytes(trained.predictor))
