"""`evaluate`: how good a model is on its validation and its training rows."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from model import artifact
from model.cli.figure_tables import figure_tables, figures_at
from model.cli.inspect import JsonOption
from model.cli.program import ArtifactArgument, console, to_right
from model.errors import MalignancyError
from model.evaluation.metrics import scores
from model.predictor import Predictor
from model.target import Binary

THRESHOLDS = (0.5, 0.7, 0.8, 0.9)


def register(app: typer.Typer) -> None:
    """Make these commands part of the program."""
    example = "Example: python -m model evaluate artifacts/wisconsin.joblib --threshold 0.3"
    app.command("evaluate", epilog=example)(evaluate_command)


def evaluate_command(
    source: ArtifactArgument,
    threshold: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="Can be given again.  [default: its own and some]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Confusion matrices and what follows from them, with 95 % intervals; and scores.

    Of a regression its errors.
    """
    predictor = artifact.load(source)
    if threshold and not predictor.schema.target.has_threshold:
        raise MalignancyError(f"--threshold: a {predictor.schema.target.task} model has none")
    thresholds = sorted(set(threshold or (predictor.threshold, *THRESHOLDS)))
    told = _figures(predictor, thresholds)
    if as_json:
        print(json.dumps(told, indent=2))
        return
    target = predictor.schema.target
    more = f", positive is {target.positive}" if isinstance(target, Binary) else ""
    console.print(predictor.title + more, soft_wrap=True)
    for name in ("validation", "train"):
        console.print(*figure_tables(predictor, name, told[name]["figures"]))
    if told["train"]["scores"]:
        console.print(_scores(told))


def _figures(predictor: Predictor, thresholds: list[float]) -> dict[str, Any]:
    """All that is told, as plain data."""
    told: dict[str, Any] = {"model": predictor.title}
    for name, rows in (("validation", predictor.validation), ("train", predictor.train)):
        told[name] = {
            "scores": scores(predictor.schema.target, rows),
            "figures": figures_at(predictor, rows, thresholds),
        }
    return told


def _scores(told: dict[str, Any]) -> Table:
    table = Table("score", "validation", "train", title="Whatever the threshold")
    for name in told["train"]["scores"]:
        values = (told[rows]["scores"][name] for rows in ("validation", "train"))
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values))
    return to_right(table, "score")
