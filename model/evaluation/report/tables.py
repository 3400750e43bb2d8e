"""The report's tables of metrics, for every kind of target."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from model.evaluation.intervals import grouped_bootstrap
from model.evaluation.metrics import scores
from model.evaluation.report.elements import Table, decimal, display_name, percent, percents
from model.metrics.confusion_matrix import Interval
from model.metrics.row_losses import relative_losses
from model.metrics.threshold_metrics import metrics_at_threshold, regression_metrics
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression

THRESHOLDS = tuple(number / 20 for number in range(1, 20))
MAX_CLASSES = 20  # of a confusion matrix that is shown
MAX_LEVEL = 6  # of a confusion matrix with level headings, and shares in its cells
SHARES = (
    "accuracy",
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
)
MEANINGS = {
    "accuracy": "share of rows classified correctly",
    "sensitivity": "share of true {positive} rows that are predicted {positive}: TP / (TP + FN)",
    "specificity": "share of true {negative} rows that are predicted {negative}: TN / (TN + FP)",
    "positive_predictive_value": "share of rows predicted {positive} that are truly {positive}: "
    "TP / (TP + FP)",
    "negative_predictive_value": "share of rows predicted {negative} that are truly {negative}: "
    "TN / (TN + FN)",
    "f1": "harmonic mean of sensitivity and positive predictive value",
    "exact_match": "share of rows with all labels correct",
    "balanced_accuracy": "mean sensitivity over the classes",
    "macro_f1": "mean F1 over the classes",
    "roc_auc": "probability that a random positive row is ranked above a random negative row; "
    "0.5 without skill, 1 is best",
    "average_precision": "area under the precision-recall curve; the share of positive rows "
    "without skill, 1 is best",
    "log_loss": "mean −log of the predicted probability of the true class, in nats; 0 is best",
    "brier": "mean squared difference of predicted probability and outcome; 0 is best",
    "calibration_error": "mean gap between predicted probability and observed frequency; 0 is best",
    "calibration_slope": "1 is best; below 1, predicted probabilities are too extreme",
}
MEANINGS_OF_ERRORS = {
    "mean_error": "mean of predicted − true; below 0, predictions are too low on average",
    "mean_absolute_error": "mean absolute difference of predicted and true value",
    "root_mean_squared_error": "square root of the mean squared error; large errors weigh more",
    "r_squared": "share of the variance that is explained; 0 for predicting the mean",
}
COLUMNS = (
    "true positives (TP)",
    "missed (FN)",
    "false alarms (FP)",
    "true negatives (TN)",
    "sensitivity",
    "specificity",
    "PPV",
    "NPV",
)


def key_tables(
    predictor: Predictor, intervals: Mapping[str, Mapping[str, Interval | None]]
) -> list[Table]:
    """Return tables of the metrics of each part of the rows at the default threshold.

    Args:
        predictor: The model.
        intervals: 95 % intervals of scores, by part and name.
    """
    target = predictor.schema.target
    if isinstance(target, Regression):
        return list(_errors(predictor, target))
    parts = predictor.parts
    metrics = [metrics_at_threshold(target, part, predictor.threshold) for part in parts.values()]
    part_scores = {
        name: scores(target, part) if len(part.targets) else {} for name, part in parts.items()
    }
    meanings = MEANINGS
    if isinstance(target, MultiLabel):
        meanings = MEANINGS | {"accuracy": "share of labels predicted correctly, over all rows"}
    words = {"positive": "positive", "negative": "negative"}
    if isinstance(target, Binary):
        words = {"positive": target.positive, "negative": target.negative}
        meanings = MEANINGS | {"balanced_accuracy": "mean of sensitivity and specificity"}
    rows: list[list[Any]] = []
    for name, meaning in meanings.items():
        head = display_name(name), meaning.format(**words)
        if name in metrics[0]:
            rows.append([head, *(_with_interval(each, name) for each in metrics)])
        elif name in part_scores["validation"]:
            rows.append(
                [
                    head,
                    *(
                        (
                            decimal(found.get(name)),
                            _interval_text(intervals.get(part, {}).get(name)),
                        )
                        for part, found in part_scores.items()
                    ),
                ]
            )
    at = f" at threshold {predictor.threshold:g}" if target.has_threshold else ""
    heads = ("", *(f"{name}, {len(each.targets)} rows" for name, each in _parts(predictor)))
    return [Table(f"Key metrics{at}, with 95 % intervals", heads, rows)]


def confusion_tables(predictor: Predictor) -> Iterator[Table]:
    """Yield confusion matrices, and the metrics of each class or label."""
    target = predictor.schema.target
    for name, scored in _parts(predictor):
        metrics = metrics_at_threshold(target, scored, predictor.threshold)
        rows = f"{name}, {metrics['rows']} rows"
        if isinstance(target, Binary):
            m = metrics["confusion_matrix"]
            counts = [
                [m["true_negative"], m["false_positive"]],
                [m["false_negative"], m["true_positive"]],
            ]
            title = f"{rows}, at threshold {predictor.threshold:g}: true and predicted labels"
            yield _matrix(title, (target.negative, target.positive), counts)
        elif isinstance(target, MultiClass):
            yield _by_class(f"{rows}: metrics of each class", metrics["classes"])
            title = f"{rows}: true and predicted classes"
            if len(target.classes) <= MAX_CLASSES:
                yield _matrix(title, target.classes, metrics["confusion_matrix"])
        elif isinstance(target, MultiLabel):
            title = f"{rows}: metrics of each label at threshold {predictor.threshold:g}"
            yield _by_class(title, metrics["labels"])


def threshold_tables(predictor: Predictor) -> list[Table]:
    """Return the validation rows' metrics at operating points and at thresholds of 0.05 to 0.95."""
    rows = f"{len(predictor.validation.targets)} {predictor.part_names['validation']} rows"
    points = [(f"{name} ({at:g})", at) for name, at in predictor.operating_points.items()]
    steps = [(f"{threshold:.2f}", threshold) for threshold in THRESHOLDS]
    return [
        _by_threshold(predictor, f"Operating points, {rows}", "name (threshold)", points),
        _by_threshold(predictor, f"Thresholds from 0.05 to 0.95, {rows}", "threshold", steps),
    ]


def _by_threshold(
    predictor: Predictor, title: str, head: str, thresholds: Sequence[tuple[str, float]]
) -> Table:
    target, scored = predictor.schema.target, predictor.validation
    metrics = [(name, metrics_at_threshold(target, scored, at)) for name, at in thresholds]
    if isinstance(target, Binary):
        rows = [(name, *_binary_cells(each)) for name, each in metrics]
        return Table(title, (head, *COLUMNS), rows)
    heads = (head, "accuracy", "all labels correct", "95 % interval")
    cells = [
        (
            name,
            percent(each["accuracy"]),
            percent(each["exact_match"]),
            percents(each["intervals"]["exact_match"]),
        )
        for name, each in metrics
    ]
    return Table(title, heads, cells)


def _binary_cells(metrics: Mapping[str, Any]) -> list[Any]:
    """Return the cells of COLUMNS."""
    matrix = metrics["confusion_matrix"]
    names = ("true_positive", "false_negative", "false_positive", "true_negative")
    shares = [_with_interval(metrics, name) for name in SHARES[1:]]
    return [*(matrix[name] for name in names), *shares]


def _interval_text(interval: Interval | None) -> str:
    """Format the interval of a score; resamples of rows without an error give no interval."""
    if interval is None:
        return ""
    if interval[0] == interval[1]:
        return "no interval: no errors"
    return f"{decimal(interval[0])} to {decimal(interval[1])}"


def _parts(predictor: Predictor) -> list[tuple[str, ScoredRows]]:
    """Return the parts of the rows with their names as headings."""
    names = predictor.part_names
    return [(names[name].capitalize(), rows) for name, rows in predictor.parts.items()]


def _with_interval(metrics: Mapping[str, Any], name: str) -> Any:
    interval = metrics.get("intervals", {}).get(name)
    return (
        percent(metrics[name]) if interval is None else (percent(metrics[name]), percents(interval))
    )


def _matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> Table:
    if len(names) > MAX_LEVEL:
        lines = [[name, *line, sum(line)] for name, line in zip(names, counts, strict=True)]
        title += "; a line for each true class, a column for each predicted one"
        return Table(title, ("", *names, "total"), lines, upright=True)
    rows = []
    for name, line in zip(names, counts, strict=True):
        total = sum(line)
        cells = [(count, f"{percent(count / total)}" if count else "") for count in line]
        rows.append([f"true {name}", *cells, total])
    return Table(title, ("", *(f"predicted {name}" for name in names), "total"), rows)


def _by_class(title: str, metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table with a row for each class or label."""
    first = next(iter(metrics.values()))
    names = [name for name in (*SHARES, "f1") if name in first]
    count = "positives" if "positives" in first else "rows"
    rows = [
        (name, each[count], *(_with_interval(each, metric) for metric in names))
        for name, each in metrics.items()
    ]
    return Table(title, ("", "true rows", *map(display_name, names)), rows)


def _errors(predictor: Predictor, target: Regression) -> Iterator[Table]:
    unit = f" ({target.unit})" if target.unit else ""
    heads = ("", *(f"{name}, {len(each.targets)} rows" for name, each in _parts(predictor)))
    for column, output in enumerate(target.outputs):
        metrics = []
        for _, scored in _parts(predictor):
            pair = scored.targets[:, column], scored.predictions[:, column]
            intervals = grouped_bootstrap(regression_metrics, *pair, scored.groups)
            metrics.append((regression_metrics(*pair), intervals))
        rows = [
            (
                (display_name(name), meaning),
                *((decimal(each[name]), _interval_text(ends[name])) for each, ends in metrics),
            )
            for name, meaning in MEANINGS_OF_ERRORS.items()
        ]
        yield Table(f"Errors of {output}{unit}, with 95 % intervals", heads, rows)


def hardest_rows(predictor: Predictor, limit: int = 10) -> Table:
    """Return a table of the validation rows with the largest losses, without their features.

    Args:
        predictor: The model.
        limit: The largest number of rows.
    """
    target, scored = predictor.schema.target, predictor.validation
    truth, predictions = scored.targets, scored.predictions
    losses = relative_losses(target, truth, predictions)
    lines = (predictor.facts.get("lines") or [])[:limit]
    limit = min(limit, len(lines) or limit)
    rows = []
    for place, row in enumerate(np.argsort(-losses, kind="stable")[:limit].tolist()):
        if isinstance(target, Binary):
            label = target.positive if truth[row, 0] else target.negative
            cells = [decimal(float(predictions[row, 0])), label]
        elif isinstance(target, MultiClass):
            number = int(truth[row, 0])
            cells = [decimal(float(predictions[row, number])), target.classes[number]]
            cells.append(target.classes[int(predictions[row].argmax())])
        elif isinstance(target, MultiLabel):
            wrong = (predictions[row] > predictor.threshold) != truth[row]
            names = [name for name, is_wrong in zip(target.labels, wrong, strict=True) if is_wrong]
            cells = [", ".join(names) or "none"]
        else:
            cells = [", ".join(decimal(float(value)) for value in predictions[row])]
            cells.append(", ".join(decimal(float(value)) for value in truth[row]))
        rows.append([lines[place] if lines else row, *cells, decimal(float(losses[row]))])
    heads = {
        "binary": (f"probability of {target.names[0]}", "true label"),
        "multi_class": ("probability of the true class", "true class", "predicted class"),
        "multi_label": ("misclassified labels",),
    }.get(target.task, ("predicted", "true"))
    loss = (
        "largest error, relative to the mean absolute error"
        if isinstance(target, Regression)
        else "log loss"
    )
    title = f"The {len(rows)} {predictor.part_names['validation']} rows with the largest losses"
    if lines:
        return Table(f"{title}, by their line in the file", ("line", *heads, loss), rows)
    return Table(f"{title}; row numbers begin at 0", ("row", *heads, loss), rows)
