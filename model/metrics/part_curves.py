"""Curves of a part of the rows as plain data, for GET /models/{name}/curves.

Part of the serving core. Shares are rounded to 6 digits; a value without a denominator is None.
"""

from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import Z_95, wilson_interval
from model.metrics.curves import (
    all_counts,
    counts_above,
    net_benefit,
    net_benefit_error,
    precision_recall_area,
    roc_area,
    thinned_thresholds,
)
from model.metrics.reliability import reliability_curve

MAX_POINTS: Final = 200  # of a curve
DIGITS: Final = 6
GROUPS: Final = 10  # of a regression's rows
RESIDUAL_QUANTILES: Final = (0.05, 0.95)


def probability_curves(
    labels: Array, probabilities: Array, points: int = MAX_POINTS
) -> dict[str, Any]:
    """Return the curves of one column of probabilities.

    A row is predicted positive strictly above a threshold. The lists of counts, of the ROC curve
    and of the precision-recall curve have one item for each threshold; the last threshold is below
    every probability. Bands are pointwise 95 % intervals: Wilson intervals, and for the net benefit
    1.96 standard errors.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`, from 0 to 1.
        points: Maximum number of points of a curve, at least 5.

    Returns:
        JSON values. Without rows all lists are empty; with one class those of the ROC curve are,
        and without positives also those of the precision-recall curve. The last threshold is 0, or
        None if a probability is 0: then no threshold from 0 to 1 is below it.
    """
    positives, rows = int(labels.sum()), len(labels)
    thresholds = thinned_thresholds(labels, probabilities, points - 1)
    if rows:
        thresholds = np.append(thresholds, 0.0 if thresholds[-1] > 0 else -np.inf)
    hits, false = (each.tolist() for each in counts_above(labels, probabilities, thresholds))
    both, some = 0 < positives < rows, positives > 0
    counts = all_counts(labels, probabilities)
    return {
        "rows": rows,
        "positives": positives,
        "threshold": [None if each < 0 else each for each in thresholds.tolist()],
        "true_positive": hits,
        "false_positive": false,
        "roc": _roc(hits, false, positives, rows - positives) if both else _roc([], [], 0, 0),
        "precision_recall": _precision(hits, false, positives) if some else _precision([], [], 0),
        "reliability": [
            {
                "low": each.low,
                "high": each.high,
                "rows": each.rows,
                "positives": each.positives,
                "mean": _rounded(each.mean_probability),
                "interval": [_rounded(end) for end in each.interval],
            }
            for each in reliability_curve(labels, probabilities)
        ],
        "decision": _decision(labels, probabilities, points),
        "areas": {
            "roc_auc": roc_area(*counts) if both else None,
            "average_precision": precision_recall_area(*counts) if some else None,
        },
    }


def value_groups(truth: Array, predicted: Array) -> list[dict[str, Any]]:
    """Return true and predicted values of one output in 10 groups of rows by predicted value.

    Args:
        truth: True values, `(B,)`.
        predicted: Predicted values, `(B,)`.

    Returns:
        For each group in ascending order: its rows, the means of its predicted and true values, and
        the 5 % and 95 % quantiles of its residuals, true minus predicted. Groups have equal sizes,
        up to one row; of fewer than 10 rows each is a group.
    """
    order = np.argsort(predicted, kind="stable")
    groups = np.array_split(order, min(GROUPS, len(order)) or 1)
    return [
        {
            "rows": len(group),
            "predicted": float(predicted[group].mean()),
            "true": float(truth[group].mean()),
            "residual": np.quantile(truth[group] - predicted[group], RESIDUAL_QUANTILES).tolist(),
        }
        for group in groups
        if len(group)
    ]


def _roc(hits: list[int], false: list[int], positives: int, negatives: int) -> dict[str, Any]:
    return {
        "false_positive_rate": [_rounded(each / negatives) for each in false],
        "sensitivity": [_rounded(each / positives) for each in hits],
        **_bands([(each, positives) for each in hits]),
    }


def _precision(hits: list[int], false: list[int], positives: int) -> dict[str, Any]:
    trials = [(hit, hit + wrong) for hit, wrong in zip(hits, false, strict=True)]
    return {
        "recall": [_rounded(each / positives) for each in hits],
        "precision": [_rounded(hit / total) if total else None for hit, total in trials],
        **_bands(trials),
    }


def _bands(trials: list[tuple[int, int]]) -> dict[str, Any]:
    ends = [wilson_interval(*each) for each in trials]
    return {
        "low": [each and _rounded(each[0]) for each in ends],
        "high": [each and _rounded(each[1]) for each in ends],
    }


def _decision(labels: Array, probabilities: Array, points: int) -> dict[str, Any]:
    """Return the decision curve from 0.01 to 0.99, and that of calling all rows positive."""
    names = "threshold", "net_benefit", "low", "high", "all"
    if not len(labels):
        return {name: [] for name in names}
    thresholds = np.linspace(0.01, 0.99, min(points, 99)).round(2)
    benefit = net_benefit(labels, probabilities, thresholds)
    half = Z_95 * net_benefit_error(labels, probabilities, thresholds)
    share = labels.mean()
    everyone = share - (1 - share) * thresholds / (1 - thresholds)
    curves = thresholds, benefit, benefit - half, benefit + half, everyone
    return {name: curve.round(DIGITS).tolist() for name, curve in zip(names, curves, strict=True)}


def _rounded(share: float) -> float:
    return round(share, DIGITS)
