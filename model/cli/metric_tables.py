"""Figures of predictions as tables for a terminal, of every kind of target."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from model.cli.app import to_right
from model.metrics.threshold_metrics import NUMBERS, metrics_at_threshold
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, Regression

COUNTS = ("true_negative", "false_positive", "false_negative", "true_positive")
SHORT = {"positive_predictive_value": "PPV", "negative_predictive_value": "NPV", "f1": "F1"}
OF_BINARY = (
    "accuracy",
    "balanced_accuracy",
    "matthews_correlation",
    "sensitivity",
    "specificity",
)
OF_LABELS = ("rows", "positives", "accuracy", "sensitivity", "specificity", *SHORT)

MOST_CLASSES = 20  # of a confusion matrix that is shown


def metrics_at_thresholds(
    predictor: Predictor, scored: ScoredRows, thresholds: Sequence[float]
) -> list[dict[str, Any]]:
    """The figures at each threshold, as plain data; of a target without one, the only ones."""
    target = predictor.schema.target
    if not target.has_threshold:
        return [metrics_at_threshold(target, scored, predictor.threshold)]
    return [
        {"threshold": each, **metrics_at_threshold(target, scored, each)} for each in thresholds
    ]


def metric_tables(
    predictor: Predictor, name: str, told: Sequence[Mapping[str, Any]]
) -> list[Table]:
    """Tables of what `metrics_at_thresholds` tells of the rows called `name`."""
    target = predictor.schema.target
    if isinstance(target, Binary):
        return [_thresholds(name, told)]
    if isinstance(target, Regression):
        title = f"{name}: {told[0]['rows']} rows" + f", in {target.unit}" * bool(target.unit)
        return [_by_name(title, "output", told[0]["outputs"], NUMBERS)]
    if isinstance(target, MultiClass):
        return _classes(name, target.classes, told[0])
    return [
        _by_name(
            f"{name}: {each['rows']} rows, at {each['threshold']:g}: accuracy "
            f"{_cell(each['accuracy'])}, all labels right {_shown(each, 'exact_match')}",
            "label",
            each["labels"],
            OF_LABELS,
        )
        for each in told
    ]


def _thresholds(name: str, told: Sequence[Mapping[str, Any]]) -> Table:
    """A column a threshold, a row a figure, with its interval."""
    heads = (f"at {each['threshold']:g}" for each in told)
    title = f"{name}: {told[0]['rows']} rows, {told[0]['positives']} positive"
    table = Table("", *heads, title=title)
    for count in COUNTS:
        cells = (str(each["confusion_matrix"][count]) for each in told)
        table.add_row(count.replace("_", " "), *cells)
    for figure in (*OF_BINARY, *SHORT):
        table.add_row(
            SHORT.get(figure, figure.replace("_", " ")), *(_shown(each, figure) for each in told)
        )
    return to_right(table, "")


def _classes(name: str, classes: Sequence[str], told: Mapping[str, Any]) -> list[Table]:
    title = (
        f"{name}: {told['rows']} rows, accuracy {_shown(told, 'accuracy')}, balanced "
        f"{_cell(told['balanced_accuracy'])}, macro F1 {_cell(told['macro_f1'])}"
    )
    heads = ("rows", "sensitivity", "positive_predictive_value", "f1")
    tables = [_by_name(title, "class", told["classes"], heads)]
    if len(classes) <= MOST_CLASSES:
        table = Table("true \\ told", *classes, title=f"{name}: confusion matrix")
        for each, counts in zip(classes, told["confusion_matrix"], strict=True):
            table.add_row(each, *map(str, counts))
        tables.append(to_right(table, "true \\ told"))
    return tables


def _by_name(
    title: str, head: str, rows: Mapping[str, Mapping[str, Any]], figure_names: Sequence[str]
) -> Table:
    heads = (SHORT.get(each, each.replace("_", " ")) for each in figure_names)
    table = Table(head, *heads, title=title)
    for name, row in rows.items():
        table.add_row(name, *(_cell(row[each]) for each in figure_names))
    return to_right(table, head)


def _shown(told: Mapping[str, Any], name: str) -> str:
    interval = told["intervals"].get(name)
    if told[name] is None or interval is None:
        return _cell(told[name])
    return f"{told[name]:.4f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
