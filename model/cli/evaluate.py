"""`evaluate`: how good a model is on its validation and its training rows."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from model.artifacts import artifact
from model.cli.app import ArtifactArgument, JsonOption, console, to_right
from model.cli.metric_tables import metric_tables, metrics_at_thresholds
from model.errors import MalignancyError
from model.evaluation.assessment import assess
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, Regression

THRESHOLDS = (0.5, 0.7, 0.8, 0.9)
PARTS = ("validation", "train")


def evaluate_command(
    source: ArtifactArgument,
    threshold: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="Can be given again.  [default: its own and some]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Confusion matrices and what follows from them, and scores, with 95 % intervals.

    Of a regression its errors. Intervals of scores are by drawing groups, such as patients, again.
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
    for name in PARTS:
        console.print(*metric_tables(predictor, name, told[name]["figures"]))
    console.print(_scores(told))
    for name in PARTS:
        if "imputed" in told[name]:
            each = (f"{key} {_number(value)}" for key, value in told[name]["imputed"].items())
            console.print(f"{name}, rows with a value filled in: {', '.join(each)}")


def _figures(predictor: Predictor, thresholds: list[float]) -> dict[str, Any]:
    """All that is told, as plain data."""
    told: dict[str, Any] = {"model": predictor.title}
    for name, rows in (("validation", predictor.validation), ("train", predictor.train)):
        told[name] = {
            **_assessed(predictor, rows),
            "figures": metrics_at_thresholds(predictor, rows, thresholds),
        }
    return told


def _assessed(predictor: Predictor, rows: ScoredRows) -> dict[str, Any]:
    """Scores with their intervals; and figures of the rows that had a value filled in, if any."""
    if not len(rows.targets):
        return {"scores": {}}
    found = assess(predictor.schema.target, rows, predictor.threshold)
    told: dict[str, Any] = found["scores"]
    if isinstance(predictor.schema.target, Regression):
        told = {
            f"{figure} of {output}": score
            for output, scores in told.items()
            for figure, score in scores.items()
        }
    return {"scores": told} | ({"imputed": found["imputed"]} if "imputed" in found else {})


def _scores(told: dict[str, Any]) -> Table:
    table = Table("score", "validation", "train", title="Whatever the threshold")
    for name in told["validation"]["scores"]:
        table.add_row(name, *(_shown(told[rows]["scores"].get(name)) for rows in PARTS))
    return to_right(table, "score")


def _shown(score: dict[str, Any] | None) -> str:
    """A value, and its interval where there is one."""
    if score is None or score["value"] is None:
        return "-"
    if score["interval"] is None:
        return f"{score['value']:.4f}"
    low, high = score["interval"]
    return f"{score['value']:.4f} ({low:.4f} to {high:.4f})"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
