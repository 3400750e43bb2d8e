"""The report's tables of an examination: baselines, importance of features, and subgroups."""

from collections.abc import Mapping
from typing import Any

from model.evaluation.report.elements import Table, decimal, display_name, percent, percents
from model.prediction.predictor import Predictor
from model.prediction.target import Binary, Regression, Target


def baseline_names(target: Target) -> dict[str, str]:
    """Return the names of the baselines by their keys."""
    if isinstance(target, Regression):
        return {"prior": "mean of the training rows", "linear": "linear regression"}
    return {"prior": "base rate of the training rows", "linear": "logistic regression"}


def baselines_table(predictor: Predictor, examination: Mapping[str, Any]) -> Table:
    """Return a table of the model's loss and that of the baselines.

    Args:
        predictor: The model.
        examination: The fact `examination`.
    """
    found = examination["baselines"]
    rows: list[Any] = [("model", decimal(found["model"]), "–")]
    for key, name in baseline_names(predictor.schema.target).items():
        gap = found[key]["difference"], found[key]["interval"]
        rows.append((name, decimal(found[key]["value"]), _with_interval(*gap)))
    score = display_name(found["score"])
    return Table(
        f"Baselines: {score} of {_rows(predictor, examination)}",
        ("", score, "difference of the model, 95 % interval"),
        rows,
    )


def importance_table(predictor: Predictor, examination: Mapping[str, Any]) -> Table:
    """Return a table of the growth of the loss by permuted feature.

    Args:
        predictor: The model.
        examination: The fact `examination`.
    """
    found, names = examination["importance"], predictor.schema.names
    rows = [
        (names[each["index"]], _with_interval(each["value"], each["interval"]))
        for each in found["features"]
    ]
    score = display_name(examination["baselines"]["score"])
    count = f"{len(rows)} of {len(names)} features" if len(rows) < len(names) else "features"
    part = f"{found['rows']} {predictor.part_names[examination['part']]} rows"
    title = f"Importance of {count}: growth of the {score} of {part}"
    return Table(title, ("feature", f"growth of the {score}, 95 % interval"), rows)


def subgroups_table(predictor: Predictor, examination: Mapping[str, Any]) -> Table | None:
    """Return a table of scores by subgroup; None without subgroups.

    Args:
        predictor: The model.
        examination: The fact `examination`.
    """
    found, target = examination["subgroups"], predictor.schema.target
    if not found:
        return None
    counts = ("rows", target.positive) if isinstance(target, Binary) else ("rows",)
    scores = list(found[0]["scores"])
    rows = []
    for each in found:
        cells = [each["rows"], *([each["positives"]] if isinstance(target, Binary) else [])]
        for name in scores:
            score = each["scores"][name]
            cells.append(
                (percent(score["value"]), percents(score["interval"]))
                if name == "accuracy"
                else _with_interval(score["value"], score["interval"])
            )
        rows.append([f"{each['column']} = {each['value'] or '(empty)'}", *cells])
    at = f" at threshold {predictor.threshold:g}" if target.has_threshold else ""
    title = f"Subgroups of {_rows(predictor, examination)}{at}, with 95 % intervals"
    return Table(title, ("", *counts, *map(display_name, scores)), rows)


def _rows(predictor: Predictor, examination: Mapping[str, Any]) -> str:
    return f"{examination['rows']} {predictor.part_names[examination['part']]} rows"


def _with_interval(value: float | None, interval: list[float] | None) -> Any:
    if interval is None:
        return decimal(value)
    return decimal(value), f"{decimal(interval[0])} to {decimal(interval[1])}"
