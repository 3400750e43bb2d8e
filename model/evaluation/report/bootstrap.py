"""Bootstrap intervals of the report's curves and scores, by resampling groups of rows."""

from typing import Any

import numpy as np

from model.arrays import Array
from model.evaluation.intervals import grouped_bootstrap
from model.evaluation.metrics import brier, log_loss
from model.metrics.curves import (
    binned_counts,
    precision_recall_area,
    precision_recall_curve,
    roc_area,
    roc_curve,
)
from model.prediction.predictor import ScoredRows

GRID = np.linspace(0, 1, 101)
CURVES = ("roc_auc", "average_precision", "roc_curve", "precision_recall_curve")


def bootstrap_intervals(scored: ScoredRows) -> dict[str, Any]:
    """Return 95 % intervals of scores and bands of curves, by name.

    Args:
        scored: Targets and predictions of a binary target.

    Returns:
        Intervals of `roc_auc`, `average_precision`, `log_loss` and `brier`. `roc_curve` is the band
        of the sensitivity at the false positive rates of GRID, `precision_recall_curve` that of the
        precision at the recalls of GRID: lower and upper ends, `(101,)` each. None where too many
        resamples lack one of the classes.
    """
    probabilities = scored.predictions[:, 0]
    distinct, point = np.unique(-probabilities, return_inverse=True)

    def statistics(labels: Array, rows: Array) -> dict[str, Any]:
        found: dict[str, Any] = {
            "log_loss": log_loss(labels, probabilities[rows]),
            "brier": brier(labels, probabilities[rows]),
        }
        if labels.all() or not labels.any():
            return found | dict.fromkeys(CURVES)
        counts = binned_counts(labels, point[rows], len(distinct))
        return found | {
            "roc_auc": roc_area(*counts),
            "average_precision": precision_recall_area(*counts),
            "roc_curve": np.interp(GRID, *roc_curve(*counts)),
            "precision_recall_curve": precision_at(GRID, *precision_recall_curve(*counts)),
        }

    rows = np.arange(len(probabilities))
    return grouped_bootstrap(statistics, scored.targets[:, 0], rows, scored.groups)


def precision_at(recalls: Array, recall: Array, precision: Array) -> Array:
    """Return the precision at the highest threshold that reaches each of some recalls.

    Args:
        recalls: Recalls to reach, `(T,)`.
        recall: Recall of the curve's points, `(K,)`, in ascending order.
        precision: Precision of the curve's points, `(K,)`.
    """
    return precision[np.minimum(np.searchsorted(recall, recalls - 1e-12), len(recall) - 1)]
