"""The command `compare`: train several recipes and compare them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from model.artifacts.atomic_write import write_atomically
from model.cli.app import ClusterOption, JobsOption, console, prepare, to_right
from model.cli.findings import print_notices
from model.evaluation.notices import weights_notice
from model.pipelines.compare import Compared, compare
from model.training.recipes.recipe import load_recipe

SHOWN = ("accuracy", "sensitivity", "specificity", "exact_match", "macro_f1", "r_squared")


def compare_command(
    recipes: Annotated[list[str], typer.Argument(metavar="RECIPE...", help="Two or more recipes.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="File of the picture, PNG.")] = Path(
        "artifacts/comparison.png"
    ),
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
) -> None:
    """Train several recipes; print one table and draw one picture.

    The exit code is 1 if a recipe could not be trained.
    """
    from model.evaluation.plots.training import loss_curves

    plans = [load_recipe(recipe) for recipe in recipes]
    prepare(output)
    found = compare(plans, jobs, cluster)
    names = [each.name for each in found]
    console.print(_table(found))
    for column in sorted({plan.data.weight for plan in plans if plan.data.weight is not None}):
        print_notices(weights_notice(column))
    curves = {
        each.name if names.count(each.name) == 1 else f"{each.name}, {place}": each.history
        for place, each in enumerate(found, start=1)
        if each.history is not None
    }
    if curves:
        write_atomically(output, loss_curves(curves))
        console.print(str(output), soft_wrap=True)
    if len(curves) < len(found):
        raise typer.Exit(1)


def _table(found: list[Compared]) -> Table:
    heads = ("weights", "epochs", "train loss", "held-out loss", "lowest", "at epoch")
    shown = [name for name in SHOWN if any(name in _figures(each) for each in found)]
    table = Table("recipe", *heads, *(name.replace("_", " ") for name in shown), "seconds")
    for each in found:
        if each.history is None:
            table.add_row(each.name, each.failure)
            continue
        last, best = each.history.records[-1], each.history.best
        figures = _figures(each)
        table.add_row(
            each.name,
            str(each.parameters),
            str(last.epoch),
            f"{last.train_loss:.4f}",
            f"{last.monitored:.4f}",
            f"{best.monitored:.4f}",
            str(best.epoch),
            *("-" if figures.get(name) is None else f"{figures[name]:.4f}" for name in shown),
            f"{each.seconds:.1f}",
        )
    return to_right(table, "recipe")


def _figures(compared: Compared) -> dict[str, Any]:
    """Return the metrics; of a regression those of its first output."""
    outputs = compared.metrics.get("outputs")
    return dict(next(iter(outputs.values())) if outputs else compared.metrics)
