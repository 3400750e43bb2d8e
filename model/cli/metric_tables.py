"""Tables of metrics for a terminal, for every kind of target."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from model.cli.app import to_right
from model.metrics.threshold_metrics import NUMBERS, metrics_at_threshold
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, Regression

COUNTS = ("true_negative", "false_positive", "false_negative", "true_positive")
SHORT = {"positive_predictive_value": "PPV", "negative_predictive_value": "NPV", "f1": "F1"}
BINARY_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "matthews_correlation",
    "sensitivity",
    "specificity",
)
LABEL_METRICS = ("rows", "positives", "accuracy", "sensitivity", "specificity", *SHORT)

MAX_CLASSES = 20  # a larger confusion matrix is not shown


def metrics_at_thresholds(
    predictor: Predictor, scored: ScoredRows, thresholds: Sequence[float]
) -> list[dict[str, Any]]:
    """Return the metrics at each threshold, as plain data.

    A target without a threshold has one set of metrics.
    """
    target = predictor.schema.target
    if not target.has_threshold:
        return [metrics_at_threshold(target, scored, predictor.threshold)]
    return [
        {"threshold": each, **metrics_at_threshold(target, scored, each)} for each in thresholds
    ]


def metric_tables(
    predictor: Predictor, name: str, found: Sequence[Mapping[str, Any]]
) -> list[Table]:
    """Return tables of the result of `metrics_at_thresholds`.

    Args:
        predictor: The model.
        name: The name of the rows, for the titles.
        found: The result of `metrics_at_thresholds`.
    """
    target = predictor.schema.target
    if isinstance(target, Binary):
        return [_thresholds(name, found)]
    if isinstance(target, Regression):
        title = f"{name}: {found[0]['rows']} rows" + f", in {target.unit}" * bool(target.unit)
        return [_by_name(title, "output", found[0]["outputs"], NUMBERS)]
    if isinstance(target, MultiClass):
        return _classes(name, target.classes, found[0])
    return [
        _by_name(
            f"{name}: {each['rows']} rows, at {each['threshold']:g}: accuracy "
            f"{_cell(each['accuracy'])}, all labels correct {_shown(each, 'exact_match')}",
            "label",
            each["labels"],
            LABEL_METRICS,
        )
        for each in found
    ]


def _thresholds(name: str, found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table with a column for each threshold and a row for each metric."""
    heads = (f"at {each['threshold']:g}" for each in found)
    title = f"{name}: {found[0]['rows']} rows, {found[0]['positives']} positive"
    table = Table("", *heads, title=title)
    for count in COUNTS:
        cells = (str(each["confusion_matrix"][count]) for each in found)
        table.add_row(count.replace("_", " "), *cells)
    for metric in (*BINARY_METRICS, *SHORT):
        table.add_row(
            SHORT.get(metric, metric.replace("_", " ")), *(_shown(each, metric) for each in found)
        )
    return to_right(table, "")


def _classes(name: str, classes: Sequence[str], found: Mapping[str, Any]) -> list[Table]:
    title = (
        f"{name}: {found['rows']} rows, accuracy {_shown(found, 'accuracy')}, balanced "
        f"{_cell(found['balanced_accuracy'])}, macro F1 {_cell(found['macro_f1'])}"
    )
    heads = ("rows", "sensitivity", "positive_predictive_value", "f1")
    tables = [_by_name(title, "class", found["classes"], heads)]
    if len(classes) <= MAX_CLASSES:
        table = Table("true \\ predicted", *classes, title=f"{name}: confusion matrix")
        for each, counts in zip(classes, found["confusion_matrix"], strict=True):
            table.add_row(each, *map(str, counts))
        tables.append(to_right(table, "true \\ predicted"))
    return tables


def _by_name(
    title: str, head: str, rows: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> Table:
    heads = (SHORT.get(each, each.replace("_", " ")) for each in names)
    table = Table(head, *heads, title=title)
    for name, row in rows.items():
        table.add_row(name, *(_cell(row[each]) for each in names))
    return to_right(table, head)


def _shown(found: Mapping[str, Any], name: str) -> str:
    interval = found["intervals"].get(name)
    if found[name] is None or interval is None:
        return _cell(found[name])
    return f"{found[name]:.4f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
