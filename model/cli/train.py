"""The commands `train` and `lr-find`."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.artifacts.exclusive import exclusive
from model.artifacts.repository import report_of
from model.cli.app import (
    INTERRUPTED,
    ClusterOption,
    RecipeArgument,
    console,
    prepare,
    refuse_same,
    to_right,
)
from model.cli.findings import print_findings
from model.cli.metric_tables import metric_tables, metrics_at_thresholds
from model.metrics.threshold_metrics import binary_matrix
from model.pipelines.train import Trained, find_rate, train
from model.prediction.predictor import Predictor
from model.prediction.target import Binary
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.history import Record
from model.training.fitting.loop import TrainingResult
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables.targets import rows_by_class

THRESHOLDS = (0.5, 0.7, 0.8, 0.9)
REDRAW_SECONDS = 0.1
MAX_RECORDS = 30  # rows of the loss table


def train_command(
    recipe: RecipeArgument = "wisconsin",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Artifact file.", show_default="artifacts/NAME.joblib"),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of the training state; training resumes from it if it exists.",
            show_default="none",
        ),
    ] = None,
    checkpoint_seconds: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="Interval between checkpoints, in seconds."),
    ] = 60,
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Number of parallel processes for the members of an ensemble; the result does not "
            "depend on it.",
        ),
    ] = 1,
    cluster: ClusterOption = None,
) -> None:
    """Train a recipe; write the artifact, pictures and a report.

    Ctrl-C ends the training early: the best weights so far are saved, and the exit code is 130.
    """
    plan = load_recipe(recipe)
    path = output or Path("artifacts") / f"{plan.name}.joblib"
    page = report_of(path)
    prepare(path)
    with ExitStack() as locks:
        # The report has the name that all artifacts share which would write the same pictures.
        locks.enter_context(exclusive(page))
        state = None
        if checkpoint is not None:
            prepare(checkpoint, "--checkpoint")
            refuse_same(checkpoint, path, "the artifact", "--checkpoint")
            refuse_same(checkpoint, page, "the report", "--checkpoint")
            locks.enter_context(exclusive(checkpoint))
            state = Checkpoint(checkpoint, checkpoint_seconds)
        run = partial(train, plan, checkpoint=state, jobs=jobs, cluster=cluster)
        outcome = _train_and_write(plan, run, path, page)
        if checkpoint is not None and not outcome.interrupted:
            checkpoint.unlink(missing_ok=True)  # the training is over
    if outcome.interrupted:
        kept = f"the best weights so far, of epoch {outcome.epoch}, are saved"
        print(f"interrupted: {kept}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)


def _train_and_write(
    plan: Recipe, run: Callable[..., Trained], path: Path, page: Path
) -> TrainingResult:
    trained = _train_with_progress(plan, run)
    version = artifact.save(trained.predictor, path)  # before anything that could fail is drawn
    console.print(_loss_table(trained), _kept(trained.outcome), *_figures(trained.predictor))
    print_findings(trained.predictor)
    console.print(f"{path}  {plan.name}@{version[:12]}", soft_wrap=True)
    try:
        _draw(replace(trained, predictor=replace(trained.predictor, version=version)), path, page)
    except KeyboardInterrupt:
        print("interrupted: the pictures and the report are left out", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:  # drawing depends on every name in the table; the model does not
        reason = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
        print(f"the pictures and the report are left out: {reason}", file=sys.stderr)
    return trained.outcome


def _draw(trained: Trained, path: Path, page: Path) -> None:
    """Write the pictures and the report; Matplotlib takes a moment to import."""
    from model.evaluation.report.document import report

    pictures = _pictures(trained)
    document = report(trained.predictor, trained.outcome, pictures)
    for name, picture in pictures.items():
        write_atomically(path.with_name(f"{path.stem}.{name}.png"), picture)
    write_atomically(page, document.encode())
    console.print(f"{page}  report", soft_wrap=True)
    names = ", ".join(f"{path.stem}.{name}.png" for name in pictures)
    console.print(f"pictures: {names}", soft_wrap=True)


def lr_find_command(
    recipe: RecipeArgument = "wisconsin",
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of the picture, PNG.",
            show_default="artifacts/NAME.lr-find.png",
        ),
    ] = None,
) -> None:
    """Suggest learning rates: train briefly with a rising rate, without changing anything."""
    from model.evaluation.plots.learning_rate import rate_curve

    plan = load_recipe(recipe)
    path = output or Path("artifacts") / f"{plan.name}.lr-find.png"
    prepare(path)
    finding = find_rate(plan)
    write_atomically(path, rate_curve(finding))
    for name in ("valley", "steep", "minimum"):
        console.print(f"{name:8}{getattr(finding, name):.2g}")
    console.print(
        f"{path}  loss over learning rate; valley is usually a good choice", soft_wrap=True
    )


def _train_with_progress(recipe: Recipe, run: Callable[..., Trained]) -> Trained:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("epoch {task.fields[epoch]} of {task.total}"),
        TextColumn("loss {task.fields[loss]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        epochs = recipe.training.epochs
        task = progress.add_task(recipe.name, total=epochs, epoch=0, loss="-")
        drawn = 0.0

        def on_progress(done: float, record: Record) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn > REDRAW_SECONDS or done == epochs:
                drawn = now
                loss = f"{record.train_loss:.6f}"
                progress.update(task, completed=done, epoch=int(done), loss=loss)

        return run(watch=on_progress)


def _loss_table(trained: Trained) -> Table:
    """Return a table of about 30 of the records."""
    records = trained.outcome.history.records
    metrics = list(records[0].metrics)
    names = [f"validation {name}" for name in metrics]
    is_bagged = records[0].out_of_bag_loss is not None
    monitored = ["validation loss", *(["out-of-bag loss"] if is_bagged else [])]
    table = Table("epoch", "train loss", *monitored, *names, title="Loss")
    every = -(-(len(records) - 1) // MAX_RECORDS) or 1
    for record in [*records[:-1:every], records[-1]]:
        given = record.train_loss, record.validation_loss, record.out_of_bag_loss
        losses = (f"{loss:.6f}" for loss in given if loss is not None)
        scores = (f"{record.metrics[name]:.4f}" for name in metrics)
        table.add_row(str(record.epoch), *losses, *scores)
    return to_right(table)


def _kept(outcome: TrainingResult) -> str:
    """Return which epoch's weights the artifact has."""
    last, kept = outcome.history.records[-1], outcome.kept
    if kept is last:
        return f"the weights of the last epoch, {kept.epoch}, are kept"
    why = f"with the lowest loss, {kept.monitored:.6f}"
    return f"ended after epoch {last.epoch}; the weights of epoch {kept.epoch}, {why}, are kept"


def _figures(predictor: Predictor) -> list[Table]:
    """Return tables of metrics; of a binary target one row for each threshold."""
    names = predictor.part_names
    sets = {names[name]: scored for name, scored in reversed(predictor.parts.items())}
    if not isinstance(predictor.schema.target, Binary):
        return [
            table
            for name, scored in sets.items()
            for table in metric_tables(
                predictor, name, metrics_at_thresholds(predictor, scored, [predictor.threshold])
            )
        ]
    table = Table("rows", "threshold", "accuracy", "tn", "fp", "fn", "tp", title="Confusion")
    for name, scored in sets.items():
        for threshold in sorted({*THRESHOLDS, predictor.threshold}):
            matrix = binary_matrix(scored, threshold)
            hits, rows = matrix.proportions()["accuracy"]
            counts = (str(count) for count in vars(matrix).values())
            table.add_row(name, f"{threshold:g}", f"{hits / rows:.4f}", *counts)
    return [to_right(table, "rows")]


def _pictures(trained: Trained) -> dict[str, bytes]:
    from model.evaluation.plots.features import feature_distributions
    from model.evaluation.plots.predictions import prediction_pictures
    from model.evaluation.plots.training import loss_curve

    predictor, table = trained.predictor, trained.table
    groups = rows_by_class(table.targets, predictor.schema.target)
    return {
        "loss": loss_curve(trained.outcome, predictor.network.loss.name),
        **prediction_pictures(predictor),
        "features": feature_distributions(table.rows, groups, predictor.schema),
    }
