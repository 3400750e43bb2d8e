"""`landscape`: pictures of the loss around a training's end, and of the ways that lead there."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from model.artifacts.atomic_write import write_atomically
from model.cli.app import RecipeArgument, console, prepare
from model.evaluation.landscape.paths import optimizer_paths, skip_comparison
from model.evaluation.plots.landscape import contour, side_by_side, surface
from model.pipelines.prepare import prepare as prepare_rows
from model.training.recipes.recipe import load_recipe


def landscape_command(
    recipe: RecipeArgument = "wisconsin",
    folder: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("artifacts"),
    points: Annotated[int, typer.Option(min=5, max=501, help="Of the grid, each way.")] = 51,
) -> None:
    """Draw the loss landscape of a recipe's network, with optimizers' paths on it.

    Five short trainings from one start: plain, with momentum, annealed, at too large a rate, and
    Adam; and a deep network with skip connections beside the same without.
    """
    plan = load_recipe(recipe)
    with prepare_rows(plan) as prepared:
        rows = prepared.rows(prepared.parts.train)
    inputs, targets = np.asarray(rows.inputs), np.asarray(rows.targets)
    paths = optimizer_paths(prepared.network, prepared.theta, inputs, targets, points=points)
    outputs, loss = prepared.network.outputs, prepared.network.loss
    skips = skip_comparison(inputs, targets, outputs=outputs, loss=loss, points=points)
    pictures = {
        "contour": contour(paths.landscape, paths.paths, shares=paths.shares),
        "surface": surface(paths.landscape, paths.paths, shares=paths.shares),
        "skips": side_by_side(skips, title="Around the end of a training, 20 layers deep"),
    }
    for name, picture in pictures.items():
        path = folder / f"{plan.name}.landscape-{name}.png"
        prepare(path)
        write_atomically(path, picture)
        console.print(str(path), soft_wrap=True)
    for name, losses in paths.losses.items():
        console.print(f"{name:24}loss {losses[0]:.3f} → {losses[-1]:.3f}")
