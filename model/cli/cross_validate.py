"""The command `cross-validate`: estimate how good a recipe is on new rows."""

import json
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from model.cli.app import ClusterOption, JobsOption, JsonOption, RecipeArgument, console, to_right
from model.cli.findings import print_notices
from model.evaluation.metrics import scores
from model.evaluation.notices import weights_notice
from model.metrics.confusion_matrix import ConfusionMatrix
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.cross_validate import OutOfFold, cross_validate, draw_folds
from model.prediction.target import Target
from model.training.recipes.recipe import load_recipe
from model.training.tables.partitions import read_table

METRICS = ("accuracy", "sensitivity", "specificity", "exact_match", "macro_f1")


def cross_validate_command(
    recipe: RecipeArgument = "wisconsin",
    folds: Annotated[
        int, typer.Option(min=2, max=1000, metavar="NUMBER", help="Number of folds.")
    ] = 10,
    repeats: Annotated[
        int,
        typer.Option(
            min=1, max=1000, metavar="NUMBER", help="Number of times the folds are drawn."
        ),
    ] = 1,
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict each row with a model trained on other rows, and print the metrics.

    The rows of a group are in one fold. Everything is fitted within the training folds. All rows of
    the table are used; the split of the recipe is ignored.
    """
    plan = load_recipe(recipe)
    table = read_table(plan)
    assignments = draw_folds(plan.schema.target, table, folds, repeats)
    found = cross_validate(plan, table, assignments, jobs, cluster)
    summary = _summary(plan.schema.target, found)
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    title = f"{plan.name}: {len(table.rows)} rows, {folds} folds, {repeats} repeats"
    shown = Table("metric", "mean", "deviation", "min", "max", title=title)
    for name, each in summary.items():
        shown.add_row(name, *(f"{each[key]:.4f}" for key in ("mean", "deviation", "least", "most")))
    console.print(to_right(shown, "metric"))
    if repeats > 1:
        console.print("deviation, min and max: over the repeats")
    print_notices(weights_notice(plan.data.weight))


def _summary(target: Target, found: list[OutOfFold]) -> dict[str, dict[str, float]]:
    """Return mean, standard deviation, minimum and maximum of each metric over the repeats."""
    each: dict[str, list[float]] = {}
    for one in found:
        for name, value in _metrics(target, one).items():
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


def _metrics(target: Target, one: OutOfFold) -> dict[str, Any]:
    """Return scores and metrics; of a binary target at each operating point."""
    found: dict[str, Any] = dict(scores(target, one.scored))
    if one.thresholds and target.task == "binary":
        for name, thresholds in one.thresholds.items():
            called = (one.scored.predictions[:, 0] > thresholds).astype(float)
            at = ConfusionMatrix.at(0.5, one.scored.targets[:, 0], called).summary()
            found |= {f"{metric} at {name}": at[metric] for metric in METRICS if metric in at}
        return found
    at = metrics_at_threshold(target, one.scored, 0.5)
    found |= {metric: at[metric] for metric in METRICS if metric in at}
    for name, output in at.get("outputs", {}).items():
        found |= {f"{metric} of {name}": value for metric, value in output.items()}
    return found
