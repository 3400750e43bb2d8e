"""The command line of the offline program: what it shows, and how it says what went wrong."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from model import artifact
from model.confusion import ConfusionMatrix
from model.errors import MalignancyError
from model.evaluation import plots
from model.onnx_export import to_onnx
from model.pipeline import Trained, train
from model.predictor import Predictor
from model.publishing import publish
from model.training.recipe import Recipe, bundled_recipes, load_recipe

THRESHOLDS = (0.5, 0.7, 0.8, 0.9)

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
export = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(export, name="export", help="Write a trained model in another program's format.")
console = Console(highlight=False)


@app.callback()
def _program() -> None:
    """Train a network by a recipe, and write the artifact that the service serves."""


@app.command(
    "train",
    epilog="Example: python -m model train article --output artifacts/article.joblib",
)
def train_command(
    recipe: Annotated[
        str, typer.Argument(help=f"A recipe file, or one of {', '.join(bundled_recipes())}.")
    ] = "article",
    output: Annotated[
        Path | None,
        typer.Option(help="Where the artifact goes.  [default: artifacts/NAME.joblib]"),
    ] = None,
) -> None:
    """Train a recipe's network; write its artifact, and pictures beside it."""
    plan = load_recipe(recipe)
    path = output or Path("artifacts") / f"{plan.name}.joblib"
    _prepare(path)
    trained = _train_with_progress(plan)
    console.print(_loss_table(trained), _confusion_table(trained.predictor))
    pictures = _pictures(trained)
    for name, picture in pictures.items():
        publish(path.with_name(f"{path.stem}.{name}.png"), picture)
    version = artifact.save(trained.predictor, path)
    console.print(f"{path}  {plan.name}@{version[:12]}", soft_wrap=True)
    console.print(f"pictures beside it: {', '.join(f'{path.stem}.{n}.png' for n in pictures)}")


@export.command(
    "onnx",
    epilog="Example: python -m model export onnx artifacts/article.joblib --output article.onnx",
)
def export_onnx_command(
    source: Annotated[Path, typer.Argument(metavar="ARTIFACT", help="The artifact's file.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Where the ONNX file goes.  [default: beside the artifact, as .onnx]"),
    ] = None,
) -> None:
    """Write an artifact as ONNX: raw rows in, NaN where missing, probabilities out.

    Needs the package onnx: pip install 'malignancy[onnx]'.
    """
    predictor = artifact.load(source)
    path = output or source.with_suffix(".onnx")
    if path.exists() and path.samefile(source):
        raise MalignancyError(f"--output: {path} is the artifact itself, it must be another file")
    content = to_onnx(predictor)
    _prepare(path)
    publish(path, content)
    console.print(f"{path}  {predictor.title}", soft_wrap=True)


def main() -> None:
    """Run the program. What it refuses is one line on stderr and exit code 2, no traceback."""
    try:
        app()
    except MalignancyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _prepare(output: Path) -> None:
    """Make the folder that a file goes to; refuse a file that is a folder."""
    if output.is_dir():
        raise MalignancyError(f"--output: {output} is a folder, it must be a file")
    output.parent.mkdir(parents=True, exist_ok=True)


def _train_with_progress(recipe: Recipe) -> Trained:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("loss {task.fields[loss]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(recipe.name, total=recipe.training.iterations, loss="-")

        def report(iteration: int, train_loss: float, _: float) -> None:
            progress.update(task, completed=iteration, loss=f"{train_loss:.6f}")

        return train(recipe, report)


def _loss_table(trained: Trained) -> Table:
    table = Table("iteration", "train loss", "validation loss", title="Loss")
    history = trained.history
    for iteration, *losses in zip(
        history.iterations, history.train_loss, history.validation_loss, strict=True
    ):
        table.add_row(str(iteration), *(f"{loss:.6f}" for loss in losses))
    return _aligned(table)


def _confusion_table(predictor: Predictor) -> Table:
    table = Table("rows", "threshold", "accuracy", "tn", "fp", "fn", "tp", title="Confusion")
    for name, scored in (("train", predictor.train), ("validation", predictor.validation)):
        for threshold in sorted({*THRESHOLDS, predictor.threshold}):
            matrix = ConfusionMatrix.at(threshold, scored.labels, scored.probabilities)
            hits, rows = matrix.proportions()["accuracy"]
            counts = (str(count) for count in vars(matrix).values())
            table.add_row(name, f"{threshold:g}", f"{hits / rows:.4f}", *counts)
    return _aligned(table)


def _aligned(table: Table) -> Table:
    for column in table.columns:
        column.justify = "left" if column.header == "rows" else "right"
    return table


def _pictures(trained: Trained) -> dict[str, bytes]:
    predictor, table = trained.predictor, trained.table
    sets = {"train": predictor.train, "validation": predictor.validation}
    matrices = {
        name: ConfusionMatrix.at(predictor.threshold, scored.labels, scored.probabilities)
        for name, scored in sets.items()
    }
    return {
        "loss": plots.loss_curve(trained.history),
        "confusion": plots.confusion_matrices(matrices, predictor.schema, predictor.threshold),
        "features": plots.feature_distributions(table.rows, table.labels, predictor.schema),
    }
