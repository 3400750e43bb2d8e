"""Rehearsal of a training: all of it, with one step only."""

from model.artifacts import artifact
from model.pipelines.train import train
from model.training.recipes.recipe import Recipe


def rehearse(recipe: Recipe) -> None:
    """Read and encode a recipe's table, train one step, decide, score, and load the result.

    Args:
        recipe: The recipe.

    Raises:
        DataError: The table does not fit the recipe.
        TrainingError: The loss diverges.
        ArtifactError: The model cannot be kept in an artifact.
    """
    trained = train(recipe, watch=lambda *_: True)
    artifact.from_bytes(artifact.to_bytes(trained.predictor))
