"""The command `describe`: summarize the table of a recipe before training."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table as Grid

from model.arrays import Array
from model.artifacts.atomic_write import write_atomically
from model.cli.app import RecipeArgument, console, prepare, to_right
from model.cli.findings import print_notices
from model.evaluation.notices import notices, weights_notice
from model.prediction.schema import Feature, Schema
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables.partitions import read_sample
from model.training.tables.table import Table
from model.training.tables.targets import rows_by_class


def describe_command(
    recipe: RecipeArgument = "wisconsin",
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the pictures.")] = Path(
        "artifacts"
    ),
) -> None:
    """Summarize the table of a recipe: features by class, missing values, correlations."""
    from model.evaluation.plots.correlations import correlations
    from model.evaluation.plots.features import feature_distributions

    plan = load_recipe(recipe)
    # All rows, including those that training would drop because of a missing value.
    data = plan.data.model_copy(update={"missing": "median"})
    table, rows = read_sample(replace(plan, data=data))
    target = plan.schema.target
    groups = rows_by_class(table.targets, target)
    console.print(_groups(plan, rows, table, groups), _features(plan.schema, table.rows, groups))
    print_notices(notices(plan.schema, {"train": (table.rows, table.targets)}))
    print_notices(weights_notice(plan.data.weight))
    pictures = {
        "features": feature_distributions(table.rows, groups, plan.schema),
        "correlations": correlations(table.rows, table.targets, groups, plan.schema),
    }
    for name, picture in pictures.items():
        if picture is None:
            continue
        path = folder / f"{plan.name}.{name}.png"
        prepare(path)
        write_atomically(path, picture)
        console.print(str(path), soft_wrap=True)


def _groups(recipe: Recipe, rows: int, table: Table, groups: dict[str, Array]) -> Grid:
    count = f"{rows} rows" + f", {len(table.rows)} sampled" * (len(table.rows) < rows)
    head = "group" if recipe.schema.target.link == "linear" else "class"
    shown = Grid(head, "rows", "share", title=f"{recipe.data.file.name}: {count}")
    for name, mask in groups.items():
        shown.add_row(name, str(int(mask.sum())), f"{mask.mean():.1%}")
    return to_right(shown, head)


def _features(schema: Schema, rows: Array, groups: dict[str, Array]) -> Grid:
    heads = ("missing", "min", "median", "max", *groups)
    table = Grid("feature", *heads, title="Features, and their means by class")
    for feature, column in zip(schema.features, rows.T, strict=True):
        missing = np.isnan(column)
        present = column[~missing]
        if not len(present):
            table.add_row(feature.name, str(missing.sum()))
            continue
        about = (_spelled(feature, f(present)) for f in (np.min, np.median, np.max))
        means = (_mean(feature, column[mask & ~missing]) for mask in groups.values())
        table.add_row(feature.name, str(int(missing.sum())), *about, *means)
    return to_right(table, "feature")


def _spelled(feature: Feature, value: float) -> str:
    """Return a number as text; nothing for categories and booleans."""
    return f"{value:g}" if feature.type in ("integer", "number") else ""


def _mean(feature: Feature, values: Array) -> str:
    """Return the mean, the share of true values, or the most frequent category."""
    if not len(values):
        return "-"
    if feature.type == "category":
        return feature.category_levels[int(np.bincount(values.astype(int)).argmax())]
    return f"{values.mean():.1%}" if feature.type == "boolean" else f"{values.mean():.3g}"
