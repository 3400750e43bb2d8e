"""The command `evaluate`: metrics of a model on its test, validation and training rows."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from model.artifacts import artifact
from model.cli.app import ArtifactArgument, JsonOption, console, to_right
from model.cli.findings import print_notices
from model.cli.metric_tables import metric_tables, metrics_at_thresholds
from model.errors import MalignancyError
from model.evaluation.assessment import assess
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, Regression

THRESHOLDS = (0.5, 0.7, 0.8, 0.9)


def evaluate_command(
    source: ArtifactArgument,
    threshold: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            max=1,
            metavar="NUMBER",
            help="Decision threshold; repeatable.",
            show_default="the model's, and 0.5 0.7 0.8 0.9",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print confusion matrices, metrics and scores with 95 % intervals.

    A regression has error metrics instead. Intervals of scores come from a bootstrap over groups,
    such as patients.
    """
    predictor = artifact.load(source)
    if threshold and not predictor.schema.target.has_threshold:
        raise MalignancyError(
            f"--threshold: a {predictor.schema.target.task} model has no threshold"
        )
    thresholds = sorted(set(threshold or (predictor.threshold, *THRESHOLDS)))
    results = _results(predictor, thresholds)
    if as_json:
        print(json.dumps(results, indent=2))
        return
    target = predictor.schema.target
    more = f", positive is {target.positive}" if isinstance(target, Binary) else ""
    console.print(predictor.title + more, soft_wrap=True)
    parts = _titles(predictor)
    for name, title in parts.items():
        console.print(*metric_tables(predictor, title, results[name]["figures"]))
    console.print(_scores(results, parts))
    for name, title in parts.items():
        if "imputed" in results[name]:
            each = (f"{key} {_number(value)}" for key, value in results[name]["imputed"].items())
            console.print(f"{title}, rows with an imputed value: {', '.join(each)}")
    print_notices(results["notices"])


def _parts(predictor: Predictor) -> dict[str, ScoredRows]:
    """Return the parts of the rows by name, of a bagged ensemble also the out-of-bag rows."""
    bagged = predictor.out_of_bag
    return predictor.parts | ({} if bagged is None else {"out_of_bag": bagged})


def _titles(predictor: Predictor) -> dict[str, str]:
    """Return the names of the parts for people, each part once."""
    titles = {name: predictor.part_names[name] for name in predictor.parts}
    if predictor.out_of_bag is not None and "out-of-bag" not in titles.values():
        titles["out_of_bag"] = "out-of-bag"
    return titles


def _results(predictor: Predictor, thresholds: list[float]) -> dict[str, Any]:
    """Return everything the command shows, as plain data."""
    notices = list(predictor.facts.get("notices") or [])
    results: dict[str, Any] = {"model": predictor.title, "notices": notices}
    for name, rows in _parts(predictor).items():
        results[name] = {
            **_assessed(predictor, rows),
            "figures": metrics_at_thresholds(predictor, rows, thresholds),
        }
    return results


def _assessed(predictor: Predictor, rows: ScoredRows) -> dict[str, Any]:
    """Return scores with intervals, and metrics of the rows with an imputed value, if any."""
    if not len(rows.targets):
        return {"scores": {}}
    found = assess(predictor.schema.target, rows, predictor.threshold)
    scores: dict[str, Any] = found["scores"]
    if isinstance(predictor.schema.target, Regression):
        scores = {
            f"{metric} of {output}": score
            for output, by_metric in scores.items()
            for metric, score in by_metric.items()
        }
    return {"scores": scores} | ({"imputed": found["imputed"]} if "imputed" in found else {})


def _scores(results: dict[str, Any], parts: dict[str, str]) -> Table:
    table = Table("score", *parts.values(), title="Scores that need no threshold")
    for name in results["validation"]["scores"]:
        table.add_row(name, *(_shown(results[rows]["scores"].get(name)) for rows in parts))
    return to_right(table, "score")


def _shown(score: dict[str, Any] | None) -> str:
    """Return a value, and its interval if there is one."""
    if score is None or score["value"] is None:
        return "-"
    if score["interval"] is None:
        return f"{score['value']:.4f}"
    low, high = score["interval"]
    return f"{score['value']:.4f} ({low:.4f} to {high:.4f})"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
