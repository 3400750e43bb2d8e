"""The report's tables of how right a model is, of every kind of target."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from model.arrays import Array
from model.evaluation.metrics import scores
from model.evaluation.report.html import decimal, paragraph, percent, percents, spoken, table
from model.metrics.confusion_matrix import Z_95, Interval
from model.metrics.threshold_metrics import NUMBERS, metrics_at_threshold
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression

SWEEP = tuple(place / 20 for place in range(1, 20))
MOST_CLASSES = 20  # of a confusion matrix that is shown
SHARES = (
    "accuracy",
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
)
MEANINGS = {
    "accuracy": "of all rows, those told right",
    "sensitivity": "of the rows that are {positive}, those called so",
    "specificity": "of the rows that are {negative}, those called so",
    "positive_predictive_value": "of the rows called {positive}, those that are",
    "negative_predictive_value": "of the rows called {negative}, those that are",
    "f1": "harmonic mean of sensitivity and positive predictive value",
    "exact_match": "of all rows, those with every label right",
    "balanced_accuracy": "mean of the classes' sensitivities",
    "macro_f1": "mean of the classes' F1",
    "roc_auc": "chance that a row that has it gets a higher probability than one that has not; "
    "a coin has 0.5",
    "average_precision": "mean precision over the recalls; a coin has the share that has it",
    "log_loss": "mean −log of the probability given to the truth, in nats; 0 is best",
    "brier": "mean squared distance of probability and truth; 0 is best",
    "calibration_error": "how far probabilities are off what happens, on average; 0 is best",
    "calibration_slope": "1 is right; below, probabilities are too extreme",
}
MEANINGS_OF_ERRORS = {
    "mean_error": "predicted less true: below 0, it tells too little",
    "mean_absolute_error": "how far off it is on average",
    "root_mean_squared_error": "the same, but large errors weigh more",
    "r_squared": "share of the variance that it explains; 0 is as good as telling the mean",
}


def key_figures(
    predictor: Predictor, intervals: Mapping[str, Interval] | None = None
) -> Iterator[str]:
    """The figures of validation and training rows side by side, at the predictor's threshold.

    intervals: of the validation rows' scores, by name.
    """
    target = predictor.schema.target
    if isinstance(target, Regression):
        yield from _errors(predictor, target)
        return
    sets = (predictor.validation, predictor.train)
    told = [metrics_at_threshold(target, scored, predictor.threshold) for scored in sets]
    of_scores = [scores(target, scored) if len(scored.targets) else {} for scored in sets]
    words = {"positive": "of a label", "negative": "none"}
    if isinstance(target, Binary):
        words = {"positive": target.positive, "negative": target.negative}
    rows: list[list[Any]] = []
    for name, meaning in MEANINGS.items():
        head = spoken(name), meaning.format(**words)
        if name in told[0]:
            rows.append([head, *(_with_interval(each, name) for each in told)])
        elif name in of_scores[0]:
            interval = (intervals or {}).get(name)
            first = decimal(of_scores[0][name])
            rows.append([head, (first, _note(interval)), decimal(of_scores[1].get(name))])
    at = f" at threshold {predictor.threshold:g}" if target.has_threshold else ""
    heads = ("", *(f"{name}, {len(each.targets)} rows" for name, each in _sets(predictor)))
    yield table(f"Key figures{at}; below each, its 95 % interval", heads, rows)


def confusion_tables(predictor: Predictor) -> Iterator[str]:
    """How many rows of each true class were called what; of labels, and classes, each one's."""
    target = predictor.schema.target
    for name, scored in _sets(predictor):
        told = metrics_at_threshold(target, scored, predictor.threshold)
        where = f"{name}, {told['rows']} rows"
        if isinstance(target, Binary):
            m = told["confusion_matrix"]
            counts = [
                [m["true_negative"], m["false_positive"]],
                [m["false_negative"], m["true_positive"]],
            ]
            title = f"{where}, at threshold {predictor.threshold:g}: what they are, and are called"
            yield _matrix(title, (target.negative, target.positive), counts)
        elif isinstance(target, MultiClass):
            yield _each(f"{where}: each class", told["classes"])
            title = f"{where}: what they are, and are called"
            if len(target.classes) <= MOST_CLASSES:
                yield _matrix(title, target.classes, told["confusion_matrix"])
            else:
                yield paragraph(
                    f"A confusion matrix of {len(target.classes)} classes is too large."
                )
        elif isinstance(target, MultiLabel):
            title = f"{where}: each label at threshold {predictor.threshold:g}"
            yield _each(title, told["labels"])


def sweep(predictor: Predictor) -> str:
    """What validation rows give at thresholds from 0.05 to 0.95."""
    target, scored = predictor.schema.target, predictor.validation
    told = [(f"{at:.2f}", metrics_at_threshold(target, scored, at)) for at in SWEEP]
    title = f"Every threshold, validation rows ({len(scored.targets)})"
    if isinstance(target, Binary):
        return table(title, ("threshold", *_HEADS), ((at, *_line(each)) for at, each in told))
    heads = ("threshold", "accuracy", "all labels right", "95 % interval")
    return table(
        title,
        heads,
        (
            (at, percent(each["accuracy"]), percent(each["exact_match"]), _interval_of_match(each))
            for at, each in told
        ),
    )


def operating_points(predictor: Predictor) -> str:
    """Each named threshold, and what it gives on validation rows."""
    target, points = predictor.schema.target, predictor.operating_points.items()
    title = "Operating points, validation rows"
    told = [
        (f"{name} ({at:g})", metrics_at_threshold(target, predictor.validation, at))
        for name, at in points
    ]
    if isinstance(target, Binary):
        return table(title, ("name", *_HEADS), ((name, *_line(each)) for name, each in told))
    heads = ("name", "accuracy", "all labels right", "95 % interval")
    return table(
        title,
        heads,
        (
            (at, percent(each["accuracy"]), percent(each["exact_match"]), _interval_of_match(each))
            for at, each in told
        ),
    )


_HEADS = (
    "found (TP)",
    "missed (FN)",
    "false alarms (FP)",
    "left alone (TN)",
    "sensitivity",
    "specificity",
    "PPV",
    "NPV",
)


def _line(told: Mapping[str, Any]) -> list[Any]:
    """The cells under _HEADS."""
    matrix = told["confusion_matrix"]
    names = ("true_positive", "false_negative", "false_positive", "true_negative")
    return [*(matrix[name] for name in names), *(_with_interval(told, name) for name in SHARES[1:])]


def _note(interval: Interval | None) -> str:
    """Of a score. Resamples of rows without an error have none either: that is no interval."""
    if interval is None:
        return ""
    if interval[0] == interval[1]:
        return "no error, so no interval"
    return f"{decimal(interval[0])} to {decimal(interval[1])}"


def _interval_of_match(told: Mapping[str, Any]) -> str:
    return percents(told["intervals"]["exact_match"])


def _sets(predictor: Predictor) -> tuple[tuple[str, ScoredRows], tuple[str, ScoredRows]]:
    return ("Validation", predictor.validation), ("Training", predictor.train)


def _with_interval(told: Mapping[str, Any], name: str) -> Any:
    interval = told.get("intervals", {}).get(name)
    return percent(told[name]) if interval is None else (percent(told[name]), percents(interval))


def _matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    rows = []
    for name, line in zip(names, counts, strict=True):
        every = sum(line)
        cells = [(count, f"{percent(count / every)}" if count else "") for count in line]
        rows.append([f"is {name}", *cells, every])
    return table(title, ("", *(f"called {name}" for name in names), "all"), rows)


def _each(title: str, told: Mapping[str, Mapping[str, Any]]) -> str:
    """A row a class or label."""
    first = next(iter(told.values()))
    names = [name for name in (*SHARES, "f1") if name in first]
    has = "positives" if "positives" in first else "rows"
    rows = (
        (name, each[has], *(_with_interval(each, figure) for figure in names))
        for name, each in told.items()
    )
    return table(title, ("", "rows that are", *map(spoken, names)), rows)


def _errors(predictor: Predictor, target: Regression) -> Iterator[str]:
    told = [
        metrics_at_threshold(target, scored, math.nan)["outputs"] for _, scored in _sets(predictor)
    ]
    unit = f" ({target.unit})" if target.unit else ""
    heads = ("", *(f"{name}, {len(each.targets)} rows" for name, each in _sets(predictor)))
    for place, output in enumerate(target.outputs):
        rows = []
        for name in NUMBERS:
            cells = []
            for each, (_, scored) in zip(told, _sets(predictor), strict=True):
                errors = scored.predictions[:, place] - scored.targets[:, place]
                interval = error_intervals(errors).get(name)
                value = decimal(each[output][name])
                cells.append((value, _note(interval)))
            rows.append([(spoken(name), MEANINGS_OF_ERRORS[name]), *cells])
        yield table(f"Errors of {output}{unit}; below each, its 95 % interval", heads, rows)


def error_intervals(errors: Array) -> dict[str, Interval]:
    """95 % intervals of the mean, mean absolute and root mean squared error of errors (B,).

    Of means by the central limit theorem; that of the root is the root of the squares' one.
    """
    if len(errors) < 2:
        return {}
    found = {}
    for name, values in zip(NUMBERS, (errors, np.abs(errors), np.square(errors)), strict=False):
        half = Z_95 * float(values.std(ddof=1)) / math.sqrt(len(values))
        middle = float(values.mean())
        found[name] = (middle - half, middle + half)
    low, high = found["root_mean_squared_error"]
    found["root_mean_squared_error"] = (math.sqrt(max(low, 0)), math.sqrt(high))
    return found


def hardest_rows(predictor: Predictor, most: int = 10) -> str:
    """The validation rows with the largest losses: where they stand, and what was told of them."""
    target, scored = predictor.schema.target, predictor.validation
    truth, predictions = scored.targets, scored.predictions
    losses = row_losses(predictor)
    rows = []
    for row in np.argsort(-losses, kind="stable")[:most].tolist():
        if isinstance(target, Binary):
            is_ = target.positive if truth[row, 0] else target.negative
            told = [decimal(float(predictions[row, 0])), is_]
        elif isinstance(target, MultiClass):
            number = int(truth[row, 0])
            told = [decimal(float(predictions[row, number])), target.classes[number]]
            told.append(target.classes[int(predictions[row].argmax())])
        elif isinstance(target, MultiLabel):
            wrong = (predictions[row] > predictor.threshold) != truth[row]
            names = [name for name, each in zip(target.labels, wrong, strict=True) if each]
            told = [", ".join(names) or "none"]
        else:
            told = [", ".join(decimal(float(each)) for each in predictions[row])]
            told.append(", ".join(decimal(float(each)) for each in truth[row]))
        rows.append([row, *told, decimal(float(losses[row]))])
    heads = {
        "binary": ("probability of " + target.names[0], "is"),
        "multi_class": ("probability of what it is", "is", "called"),
        "multi_label": ("labels told wrong",),
    }.get(target.task, ("predicted", "true"))
    loss = (
        "error, as a multiple of the mean absolute one"
        if isinstance(target, Regression)
        else "loss"
    )
    title = (
        f"The {len(rows)} validation rows that it is most wrong about, by their place in the "
        "validation part, the first being 0"
    )
    return table(title, ("row", *heads, loss), rows)


def row_losses(predictor: Predictor) -> Array:
    """How wrong each validation row (B,) is: −log of the probability given to the truth, summed
    over labels; of numbers the largest error, as a multiple of the output's mean absolute one.
    """
    target, scored = predictor.schema.target, predictor.validation
    truth, predictions = scored.targets, scored.predictions
    if isinstance(target, Regression):
        errors = np.abs(predictions - truth)
        return np.asarray((errors / np.maximum(errors.mean(axis=0), 1e-300)).max(axis=1))
    if isinstance(target, MultiClass):
        given = np.take_along_axis(predictions, truth, axis=1)
    else:
        given = np.where(truth, predictions, 1 - predictions)
    return np.asarray(-np.log(np.clip(given, np.finfo(float).eps, 1)).sum(axis=1))
