"""Scores by subgroup: the rows with one value of a column, such as a site or a sex."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.evaluation.intervals import grouped_bootstrap
from model.metrics.confusion_matrix import wilson_interval
from model.metrics.curves import binned_counts, roc_area
from model.metrics.row_losses import loss_name, overall_loss, row_losses
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, Regression, Target

MAX_VALUES: Final = 10  # of a column, the most frequent ones
MAX_SUBGROUPS: Final = 30


def subgroup_scores(
    target: Target, scored: ScoredRows, threshold: float, columns: Mapping[str, Array]
) -> list[dict[str, Any]]:
    """Compute scores for each value of some columns, at most 10 values a column and 30 in all.

    Args:
        target: The kind of target.
        scored: Targets, predictions and groups of B rows.
        threshold: Decision threshold, ignored where the target has none.
        columns: Texts `(B,)` by the name of their column.

    Returns:
        For each subgroup its `column`, `value` and `rows`; of a binary target the `positives`; and
        `scores`, each a value and a 95 % interval or null: the log loss (of numbers the root mean
        squared error), the accuracy, and of a binary target the area under the ROC curve.
    """
    found: list[dict[str, Any]] = []
    for column, texts in columns.items():
        for value, mask in _values(texts):
            if len(found) == MAX_SUBGROUPS:
                return found
            part = ScoredRows(*(each[mask] for each in vars(scored).values()))
            found.append({"column": column, "value": value, **_scores(target, part, threshold)})
    return found


def _values(texts: Array) -> Iterator[tuple[str, Array]]:
    """Yield the most frequent values with the masks of their rows."""
    values, counts = np.unique(texts.astype(str), return_counts=True)
    for at in np.argsort(-counts, kind="stable")[:MAX_VALUES]:
        yield str(values[at]), texts == values[at]


def _scores(target: Target, part: ScoredRows, threshold: float) -> dict[str, Any]:
    truth, predictions, rows = part.targets, part.predictions, len(part.targets)
    losses, name = row_losses(target, truth, predictions), loss_name(target)
    scores: dict[str, Any] = {}
    if not isinstance(target, Regression):
        if isinstance(target, MultiClass):
            correct = predictions.argmax(axis=1) == truth[:, 0]
        else:
            correct = ((predictions > threshold) == truth).all(axis=1)
        hits = int(correct.sum())
        scores["accuracy"] = {"value": hits / rows, "interval": wilson_interval(hits, rows)}
    distinct, place = np.unique(-predictions[:, 0], return_inverse=True)

    def statistics(losses: Array, drawn: Array) -> dict[str, float | None]:
        found: dict[str, float | None] = {name: float(overall_loss(target, losses))}
        if isinstance(target, Binary):
            labels = truth[drawn, 0]
            both = labels.any() and not labels.all()
            counts = binned_counts(labels, place[drawn], len(distinct))
            found["roc_auc"] = float(roc_area(*counts)) if both else None
        return found

    each = np.arange(rows)
    ends = grouped_bootstrap(statistics, losses, each, part.groups)
    for score, value in statistics(losses, each).items():
        scores[score] = {"value": value, "interval": ends[score]}
    positives = {"positives": int(truth.sum())} if isinstance(target, Binary) else {}
    for each_score in scores.values():
        each_score["interval"] = each_score["interval"] and list(each_score["interval"])
    return {"rows": rows, **positives, "scores": scores}
