"""`evaluate`: how good a model is on its validation and its training rows."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from model import artifact
from model.cli.inspect import JsonOption
from model.cli.program import ArtifactArgument, console, to_right
from model.confusion import ConfusionMatrix
from model.evaluation.metrics import scores
from model.predictor import Predictor

THRESHOLDS = (0.5, 0.7, 0.8, 0.9)
COUNTS = {
    "true_negative": "tn",
    "false_positive": "fp",
    "false_negative": "fn",
    "true_positive": "tp",
}
SHORT = {"positive_predictive_value": "PPV", "negative_predictive_value": "NPV", "f1": "F1"}


def register(app: typer.Typer) -> None:
    """Make these commands part of the program."""
    example = "Example: python -m model evaluate artifacts/article.joblib --threshold 0.3"
    app.command("evaluate", epilog=example)(evaluate_command)


def evaluate_command(
    source: ArtifactArgument,
    threshold: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="Can be given again.  [default: its own and some]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Confusion matrices and what follows from them, with 95 % intervals; and scores."""
    predictor = artifact.load(source)
    thresholds = sorted(set(threshold or (predictor.threshold, *THRESHOLDS)))
    told = _figures(predictor, thresholds)
    if as_json:
        print(json.dumps(told, indent=2))
        return
    console.print(f"{predictor.title}, positive is {predictor.schema.positive}", soft_wrap=True)
    for name in ("validation", "train"):
        console.print(_matrices(name, told[name]["thresholds"]))
    console.print(_scores(told))


def _figures(predictor: Predictor, thresholds: list[float]) -> dict[str, Any]:
    """All that is told, as plain data."""
    told: dict[str, Any] = {"model": predictor.title}
    for name, rows in (("validation", predictor.validation), ("train", predictor.train)):
        told[name] = {
            "scores": scores(rows.labels, rows.probabilities),
            "thresholds": [
                {
                    "threshold": each,
                    **ConfusionMatrix.at(each, rows.labels, rows.probabilities).summary(),
                }
                for each in thresholds
            ],
        }
    return told


def _matrices(name: str, figures: list[dict[str, Any]]) -> Table:
    """A column a threshold, a row a figure, with its interval."""
    heads = (f"at {each['threshold']:g}" for each in figures)
    title = f"{name}: {figures[0]['rows']} rows, {figures[0]['positives']} positive"
    table = Table("", *heads, title=title)
    for count in COUNTS:
        table.add_row(
            count.replace("_", " "), *(str(each["confusion_matrix"][count]) for each in figures)
        )
    for figure in ("accuracy", "sensitivity", "specificity", *SHORT):
        table.add_row(SHORT.get(figure, figure), *(_shown(each, figure) for each in figures))
    return to_right(table, "")


def _shown(figures: dict[str, Any], name: str) -> str:
    value, interval = figures[name], figures["intervals"].get(name)
    if value is None:
        return "-"
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _scores(told: dict[str, Any]) -> Table:
    table = Table("score", "validation", "train", title="Whatever the threshold")
    for name in told["train"]["scores"]:
        values = (told[rows]["scores"][name] for rows in ("validation", "train"))
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values))
    return to_right(table, "score")
