"""The command `tune`: search for better settings of a recipe."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from model.artifacts.atomic_write import write_atomically
from model.artifacts.exclusive import exclusive
from model.cli.app import (
    INTERRUPTED,
    ClusterOption,
    JobsOption,
    RecipeArgument,
    console,
    prepare,
    refuse_same,
    to_right,
)
from model.errors import MalignancyError, TrainingError
from model.pipelines.cross_validate import draw_folds
from model.training.recipes.bundled import bundled_recipes
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables.partitions import read_table
from model.tuning.report import Result, summarize
from model.tuning.row_losses import loss_name
from model.tuning.search import Ended, Watch, identity, search
from model.tuning.space import search_space
from model.tuning.study import Study, Trial
from model.tuning.tuned_recipe import trial_rows, tuned_recipe

SHOWN = 5  # best trials


def tune_command(
    recipe: RecipeArgument = "wisconsin",
    minutes: Annotated[
        float,
        typer.Option(min=0.01, max=100_000, metavar="NUMBER", help="Time of the search."),
    ] = 5.0,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Number of trials at which the search ends before its time.",
            show_default="none",
        ),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=2, max=1000, metavar="NUMBER", help="Number of folds.")
    ] = 5,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of the tuned recipe; FILE with the suffix .journal keeps the trials.",
            show_default="RECIPE-tuned.toml",
        ),
    ] = None,
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
) -> None:
    """Search for better settings of a recipe by cross-validation; write the best as a recipe.

    The search varies the learning rate, the penalty on large weights, the batch size, the noise on
    the inputs, and number, size, activation and dropout of dense hidden layers. The recipe as given
    is the first trial. The rows of a group are in one fold, and the split of the recipe is ignored.

    The loss of the best trial is too low, since the best of many trials is partly a lucky one. The
    loss of the search is an honest one: for each fold, the other folds choose the trial.

    The same command again continues with the trials of the journal. Ctrl-C ends the search: the
    best recipe so far is saved, and the exit code is 130. No recipe is saved before the recipe as
    given has been cross-validated.
    """
    plan = load_recipe(recipe)
    path = output or _output(recipe)
    if path.suffix != ".toml":
        raise MalignancyError(f"--output: {path} must end in .toml")
    prepare(path)
    if recipe not in bundled_recipes():
        refuse_same(path, Path(recipe), "the recipe")
    table = read_table(plan)
    [assignment] = draw_folds(plan.schema.target, table, folds, 1)
    space = search_space(plan, len(table.rows))
    journal = path.with_suffix(".journal")
    with exclusive(path):
        study = Study(journal, space, identity(plan, table, assignment), plan.training.seed)
        resumed = len(study.trials())
        with _progress(plan.name, minutes) as watch:
            ended = search(
                plan,
                table,
                assignment,
                space,
                study,
                seconds=60 * minutes,
                trials=trials,
                jobs=jobs,
                cluster=cluster,
                watch=watch,
            )
        found = study.trials()
        _require_own(plan.name, found, ended, minutes, journal)
        result = summarize(found, table, assignment)
        lines = _summary(plan, result, len(table.rows), folds)
        write_atomically(path, tuned_recipe(plan, recipe, path, space, result, lines).encode())
    load_recipe(str(path))
    heads, *rows = trial_rows(space, result)
    best = Table(*heads, title="Best trials")
    for row in rows[:SHOWN]:
        best.add_row(*row)
    console.print(to_right(best))
    console.print(*lines, sep="\n", soft_wrap=True)
    if resumed:
        console.print(f"{len(found) - resumed} trials are new, {resumed} were in the journal")
    if ended.failures:
        failed = f"{len(ended.failures)} trials failed, such as by: {ended.failures[0]}"
        console.print(failed, soft_wrap=True)
    console.print(f"{path}  tuned recipe", f"{journal}  trials", sep="\n", soft_wrap=True)
    if ended.interrupted:
        print("interrupted: the best recipe so far is saved", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)


def _output(recipe: str) -> Path:
    """Return the default file: in the working directory, or beside the recipe's file."""
    if recipe in bundled_recipes():
        return Path(f"{recipe}-tuned.toml")
    return Path(recipe).with_name(f"{Path(recipe).stem}-tuned.toml")


@contextmanager
def _progress(name: str, minutes: float) -> Iterator[Watch]:
    """Show trials and the lowest loss; the bar is the time."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[trials]} trials, lowest loss {task.fields[lowest]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=60 * minutes, trials=0, lowest="-")
        start, losses = time.monotonic(), []

        def watch(loss: float) -> None:
            losses.append(loss)
            elapsed = time.monotonic() - start
            lowest = f"{min(losses):.4f}"
            progress.update(task, completed=elapsed, trials=len(losses), lowest=lowest)

        yield watch


def _require_own(
    name: str, found: Sequence[Trial], ended: Ended, minutes: float, journal: Path
) -> None:
    """Raise unless the recipe as given has a result, which the others are compared with."""
    if found and found[0].is_own:
        return
    if ended.interrupted and found:
        text = f"interrupted: the trials are kept in {journal}, nothing else was saved"
        print(text, file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    if ended.interrupted:
        raise KeyboardInterrupt
    if ended.failures:
        raise TrainingError(f"{name}: {ended.failures[0]}")
    text = f"{minutes:g} minutes are too few to cross-validate {name} once"
    raise MalignancyError(f"--minutes: {text}: give more, fewer --folds, or more --jobs")


def _summary(plan: Recipe, result: Result, rows: int, folds: int) -> list[str]:
    """Return lines that say how the recipe was found and how good it is."""
    trials, measure = result.trials, loss_name(plan.schema.target)
    lines = [
        f"{measure} of {rows} rows in {folds} folds, {len(trials)} trials:",
        f"  {result.losses[0]:.4f}  the recipe as given",
        f"  {result.selected:.4f}  the search: for each fold, the other folds choose the trial",
    ]
    if result.best:
        best = f"trial {trials[result.best].number}, the best: too low, since it chose the trial"
        lines.append(f"  {result.losses[result.best]:.4f}  {best}")
    difference = f"{result.difference:+.4f}"
    if result.interval is not None:
        low, high = result.interval
        difference += f" (95 % interval {low:+.4f} to {high:+.4f})"
    lines.append(f"difference of the search and the recipe as given: {difference}")
    if result.is_better:
        lines.append("The search finds a better recipe.")
    else:
        lines.append("No improvement is shown: the recipe as given is as good a choice.")
    return lines
