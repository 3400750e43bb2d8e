"""`cross-validate`: how good a recipe is on rows it has not learned from."""

import json
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from model.cli.app import ClusterOption, JobsOption, JsonOption, RecipeArgument, console, to_right
from model.evaluation.metrics import scores
from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.cross_validate import OutOfFold, cross_validate, draw_folds
from model.prediction.target import Target
from model.training.recipes.recipe import load_recipe
from model.training.tables.table import read_table

FIGURES = ("accuracy", "sensitivity", "specificity", "exact_match", "macro_f1")


def cross_validate_command(
    recipe: RecipeArgument = "wisconsin",
    folds: Annotated[int, typer.Option(min=2, max=1000, help="Parts of the table.")] = 10,
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Drawings of the parts.")] = 1,
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict each row by a model of other rows, whole groups apart, everything fitted within.

    All rows of the table take part, whatever the recipe's split.
    """
    plan = load_recipe(recipe)
    table = read_table(plan)
    assignments = draw_folds(plan, table, folds, repeats)
    found = cross_validate(plan, table, assignments, jobs, cluster)
    told = _told(plan.data_schema.target, found)
    if as_json:
        print(json.dumps(told, indent=2))
        return
    title = f"{plan.name}: {len(table.rows)} rows, {folds} folds, {repeats} times"
    shown = Table("figure", "mean", "deviation", "least", "most", title=title)
    for name, each in told.items():
        shown.add_row(name, *(f"{each[key]:.4f}" for key in ("mean", "deviation", "least", "most")))
    console.print(to_right(shown, "figure"))
    if repeats > 1:
        console.print("deviation, least and most: from one drawing of folds to another")


def _told(target: Target, found: list[OutOfFold]) -> dict[str, dict[str, float]]:
    """Each figure over the repeats."""
    each: dict[str, list[float]] = {}
    for one in found:
        for name, value in _figures(target, one).items():
            if value is not None:
                each.setdefault(name, []).append(value)
    return {
        name: {
            "mean": float(np.mean(values)),
            "deviation": float(np.std(values)),
            "least": min(values),
            "most": max(values),
        }
        for name, values in each.items()
    }


def _figures(target: Target, one: OutOfFold) -> dict[str, Any]:
    """Scores, and what is right: of a binary target at each of its operating points."""
    told: dict[str, Any] = dict(scores(target, one.scored))
    if one.thresholds and target.task == "binary":
        for name, thresholds in one.thresholds.items():
            called = (one.scored.predictions[:, 0] > thresholds).astype(float)
            at = ConfusionMatrix.at(0.5, one.scored.targets[:, 0], called).summary()
            told |= {f"{figure} at {name}": at[figure] for figure in FIGURES if figure in at}
        return told
    at = metrics_at_threshold(target, one.scored, 0.5)
    told |= {figure: at[figure] for figure in FIGURES if figure in at}
    for name, output in at.get("outputs", {}).items():
        told |= {f"{figure} of {name}": value for figure, value in output.items()}
    return told
