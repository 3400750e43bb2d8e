"""The command `landscape`: draw the loss around trained weights, and optimizers' paths."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from model.artifacts.atomic_write import write_atomically
from model.cli.app import RecipeArgument, console, prepare
from model.evaluation.landscape.paths import optimizer_paths, skip_comparison
from model.pipelines.prepare import prepare as prepare_rows
from model.training.recipes.recipe import load_recipe
from model.training.tables.partitions import read_partitions


def landscape_command(
    recipe: RecipeArgument = "wisconsin",
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the pictures.")] = Path(
        "artifacts"
    ),
    points: Annotated[
        int,
        typer.Option(
            min=5, max=501, metavar="NUMBER", help="Number of grid points along each axis."
        ),
    ] = 51,
) -> None:
    """Draw the loss landscape of a recipe's network, with the paths of optimizers.

    Five short trainings start from the same weights: gradient descent, momentum, an annealed rate,
    too large a rate, and Adam. A second picture compares a network of 20 layers with and without
    skip connections. Of an ensemble, the first member is drawn.
    """
    from model.evaluation.plots.landscape import contour, side_by_side, surface

    plan = load_recipe(recipe)
    with closing(read_partitions(plan)) as parts:
        prepared = prepare_rows(plan, parts)
        rows = prepared.rows(parts.train)
    inputs, targets = np.asarray(rows.inputs), np.asarray(rows.targets)
    paths = optimizer_paths(plan.network, prepared.first_theta, inputs, targets, points=points)
    outputs, loss = plan.network.outputs, plan.network.loss
    skips = skip_comparison(inputs, targets, outputs=outputs, loss=loss, points=points)
    pictures = {
        "contour": contour(paths.landscape, paths.paths, shares=paths.shares),
        "surface": surface(paths.landscape, paths.paths, shares=paths.shares),
        "skips": side_by_side(skips, title="Loss around trained weights, 20 layers"),
    }
    for name, picture in pictures.items():
        path = folder / f"{plan.name}.landscape-{name}.png"
        prepare(path)
        write_atomically(path, picture)
        console.print(str(path), soft_wrap=True)
    for name, losses in paths.losses.items():
        console.print(f"{name:24}loss {losses[0]:.3f} → {losses[-1]:.3f}")
