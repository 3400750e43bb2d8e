"""Comparison of two versions of a model by their predictions for the same rows."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.confusion_matrix import wilson_interval
from model.metrics.paired_tests import mcnemar_exact, paired_bootstrap
from model.metrics.row_losses import row_losses
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# Figures of which a larger value is better; of all others, a smaller one is.
HIGHER_IS_BETTER: Final = frozenset({"accuracy"})
MAX_OUTPUTS: Final = 20  # with separate differences, so that an answer stays small


@dataclass(frozen=True)
class PairedRows:
    """Predictions of two versions for the same rows.

    Attributes:
        target: The target of both versions.
        first: Predictions of the version that answered, `(B, outputs)`.
        second: Predictions of the other version, `(B, outputs)`.
        thresholds: Decision threshold of each row, `(B,)`; ignored where the target has none.
        groups: Group of each row, `(B,)`, any dtype that can be sorted.
        truth: True values, `(B, columns)`, of the target's dtype; any value where not known.
        is_known: Mask of the rows whose truth is known, `(B,)`, bool.
        second_thresholds: Thresholds of the other version, `(B,)`; None for the same ones.
    """

    target: Target
    first: Array
    second: Array
    thresholds: Array
    groups: Array
    truth: Array
    is_known: Array
    second_thresholds: Array | None = None

    @property
    def labels(self) -> tuple[Array, Array]:
        """Labels of both versions as `labels_of` returns them."""
        other = self.thresholds if self.second_thresholds is None else self.second_thresholds
        return (
            labels_of(self.target, self.first, self.thresholds),
            labels_of(self.target, self.second, other),
        )


def compare(rows: PairedRows, *, seed: int = 0) -> dict[str, Any]:
    """Return the figures of a comparison, as JSON values.

    Args:
        rows: The rows.
        seed: Seed of the bootstrap.

    Returns:
        `rows`; `agreement` of labels, but for a regression; `difference` of predictions by output,
        second minus first; and `truth`: its number of rows, McNemar's test, and each figure of both
        versions with the difference and its interval. Without rows with truth, `truth` has their
        number, 0, only.
    """
    figures: dict[str, Any] = {"rows": len(rows.first)}
    if not isinstance(rows.target, Regression) and len(rows.first):
        figures["agreement"] = _agreement(rows)
    figures["difference"] = _differences(rows)
    known = np.flatnonzero(rows.is_known)
    figures["truth"] = {"rows": len(known)}
    if len(known):
        figures["truth"] |= _with_truth(_part(rows, known), seed)
    return figures


def is_worse(figures: dict[str, Any]) -> list[str]:
    """Return the names of the figures in which the second version is significantly worse.

    Args:
        figures: Result of `compare`.

    Returns:
        The figures whose whole 95 % interval of the difference is on the wrong side of 0.
    """
    worse = []
    for name, figure in figures["truth"].get("figures", {}).items():
        interval = figure["interval"]
        if interval is None:
            continue
        if interval[1] < 0 if name in HIGHER_IS_BETTER else interval[0] > 0:
            worse.append(name)
    return worse


def is_judged(figures: dict[str, Any]) -> bool:
    """Return True if a comparison has an interval, without which nothing can be significant.

    Args:
        figures: Result of `compare`.
    """
    found = figures["truth"].get("figures", {}).values()
    return any(figure["interval"] is not None for figure in found)


def labels_of(target: Target, predictions: Array, thresholds: Array) -> Array:
    """Return predicted labels as numbers, `(B, 1)`, or `(B, labels)` of a multi-label target.

    Args:
        target: The target, no regression.
        predictions: `(B, outputs)`.
        thresholds: Decision threshold of each row, `(B,)`.
    """
    if isinstance(target, MultiClass):
        return np.asarray(predictions.argmax(axis=1)[:, None])
    return np.asarray(predictions > thresholds[:, None])


def largest_differences(rows: PairedRows, count: int) -> Array:
    """Return the numbers of the rows whose predictions differ most, the largest first.

    Args:
        rows: The rows.
        count: Maximum number of rows; those without a difference are left out.
    """
    differences = np.abs(rows.second - rows.first).max(axis=1, initial=0.0)
    order = np.argsort(-differences, kind="stable")[:count]
    return np.asarray(order[differences[order] > 0])


def _part(rows: PairedRows, numbers: Array) -> PairedRows:
    other = rows.second_thresholds
    return PairedRows(
        rows.target,
        rows.first[numbers],
        rows.second[numbers],
        rows.thresholds[numbers],
        rows.groups[numbers],
        rows.truth[numbers],
        rows.is_known[numbers],
        None if other is None else other[numbers],
    )


def _agreement(rows: PairedRows) -> dict[str, Any]:
    first, second = rows.labels
    count, same = len(first), int((first == second).all(axis=1).sum())
    figures: dict[str, Any] = {
        "rows": same,
        "share": same / count,
        "interval": wilson_interval(same, count),
    }
    if isinstance(rows.target, MultiLabel):
        return figures
    names = _labels(rows.target)
    size = len(names)
    pairs = np.bincount(first[:, 0] * size + second[:, 0].astype(np.intp), minlength=size * size)
    figures["changes"] = [
        {"from": names[number // size], "to": names[number % size], "rows": int(pairs[number])}
        for number in np.flatnonzero(pairs).tolist()
        if number // size != number % size
    ]
    if isinstance(rows.target, Binary):
        # Of the rows with different labels: as many in each direction, if the shares are equal.
        figures["mcnemar"] = _mcnemar(int(pairs[2]), int(pairs[1]))
    return figures


def _labels(target: Target) -> tuple[str, ...]:
    if isinstance(target, Binary):
        return target.negative, target.positive
    return target.names


def _mcnemar(first_only: int, second_only: int) -> dict[str, Any]:
    return {
        "first_only": first_only,
        "second_only": second_only,
        "p": mcnemar_exact(first_only, second_only),
    }


def _differences(rows: PairedRows) -> dict[str, Any]:
    if not len(rows.first):
        return {}
    difference = rows.second - rows.first
    return {
        name: {
            "mean": float(column.mean()),
            "mean_absolute": float(np.abs(column).mean()),
            "largest": float(np.abs(column).max()),
            "quantiles": {
                f"{share:g}": float(value)
                for share, value in zip(QUANTILES, np.quantile(column, QUANTILES), strict=True)
            },
        }
        for name, column in zip(rows.target.names[:MAX_OUTPUTS], difference.T, strict=False)
    }


def _with_truth(rows: PairedRows, seed: int) -> dict[str, Any]:
    is_regression = isinstance(rows.target, Regression)
    labels = (None, None) if is_regression else rows.labels
    scores = [
        _row_figures(rows, *each) for each in zip((rows.first, rows.second), labels, strict=True)
    ]
    names = list(scores[0])
    first, second = (np.column_stack([each[name] for name in names]) for each in scores)
    intervals = paired_bootstrap(second - first, rows.groups, seed=seed)
    found: dict[str, Any] = {
        "groups": len(np.unique(rows.groups)),
        "figures": {
            name: {
                "first": float(first[:, at].mean()),
                "second": float(second[:, at].mean()),
                "difference": float((second[:, at] - first[:, at]).mean()),
                "interval": intervals[at],
            }
            for at, name in enumerate(names)
        },
    }
    if "accuracy" in names:
        right = [each["accuracy"].astype(bool) for each in scores]
        only = (int((right[at] & ~right[1 - at]).sum()) for at in (0, 1))
        found["mcnemar"] = _mcnemar(*only)
    return found


def _row_figures(rows: PairedRows, predictions: Array, labels: Array | None) -> dict[str, Array]:
    """Return the figures of each row, `(B,)` float64, by name; their means are the figures."""
    target, truth = rows.target, rows.truth
    losses = row_losses(target, truth, predictions)
    if labels is None:
        absolute = np.abs(predictions - truth).mean(axis=1)
        return {"mean_squared_error": losses, "mean_absolute_error": absolute}
    if isinstance(target, MultiClass):
        outcomes = truth == np.arange(predictions.shape[1])
        brier = np.square(predictions - outcomes).sum(axis=1)
    else:
        brier = np.square(predictions - truth).mean(axis=1)
    right = (labels == truth).all(axis=1).astype(np.float64)
    return {"log_loss": losses, "brier": brier, "accuracy": right}
