"""Scores of probabilities against true labels. labels: (B,) bool; probabilities: (B,)."""

from collections.abc import Callable

import numpy as np

from model.arrays import Array
from model.evaluation.calibration import calibration_error, calibration_slope
from model.evaluation.curves import counts_above
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, Regression, Target


def roc_auc(labels: Array, probabilities: Array) -> float | None:
    """The chance that a positive row scores above a negative one, ties counting half.

    The Mann-Whitney statistic from mid-ranks (Hanley and McNeil 1982); None with one class only.
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    mid_ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = mid_ranks[labels].sum() - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def average_precision(labels: Array, probabilities: Array) -> float | None:
    """Σ (recallₙ − recallₙ₋₁) · precisionₙ over the distinct thresholds; None without positives."""
    positives = int(labels.sum())
    if not positives:
        return None
    hits, called, _ = counts_above(labels, probabilities)
    return float((np.diff(hits) / positives * hits[1:] / called[1:]).sum())


def log_loss(labels: Array, probabilities: Array) -> float:
    """Mean −log of the probability given to the true class, in nats; p kept an ε off 0 and 1."""
    epsilon = np.finfo(np.float64).eps
    p = np.clip(np.where(labels, probabilities, 1 - probabilities), epsilon, 1)
    return float(-np.log(p).mean())


def brier(labels: Array, probabilities: Array) -> float:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return float(np.square(probabilities - labels).mean())


def specificity_at_sensitivity(
    labels: Array, probabilities: Array, at_least: float = 0.99
) -> float | None:
    """The highest specificity of any threshold whose sensitivity is `at_least`, a share.

    The threshold is chosen on these very rows. None with one class only.
    """
    if labels.all() or not labels.any():
        return None
    sensitivity, specificity = _rates(labels, probabilities)
    return float(specificity[sensitivity >= at_least].max())


def sensitivity_at_specificity(
    labels: Array, probabilities: Array, at_least: float = 0.99
) -> float | None:
    """The highest sensitivity of any threshold whose specificity is `at_least`, a share.

    The threshold is chosen on these very rows. None with one class only.
    """
    if labels.all() or not labels.any():
        return None
    sensitivity, specificity = _rates(labels, probabilities)
    return float(sensitivity[specificity >= at_least].max())


def log_loss_of_classes(classes: Array, probabilities: Array) -> float:
    """Mean −log of the probability given to the true class (B,), of probabilities (B, classes)."""
    given = probabilities[np.arange(len(classes)), classes]
    return float(-np.log(np.clip(given, np.finfo(np.float64).eps, 1)).mean())


def brier_of_classes(classes: Array, probabilities: Array) -> float:
    """Squared differences of probabilities (B, classes) and outcome, summed over the classes and
    averaged over the rows: Brier's own of 1950, 0 to 2, of two classes twice `brier`.
    """
    outcomes = classes[:, None] == np.arange(probabilities.shape[1])
    return float(np.square(probabilities - outcomes).sum(axis=1).mean())


def macro(
    figure: Callable[[Array, Array], float | None], labels: Array, probabilities: Array
) -> float | None:
    """The mean of a figure over columns, both (B, columns); None unless each column has one."""
    pairs = zip(labels.T, probabilities.T, strict=True)
    return _mean([figure(*pair) for pair in pairs])


def scores(target: Target, scored: ScoredRows) -> dict[str, float | None]:
    """The threshold-free figures of probabilities, by the names the service answers them with.

    Of several classes or labels each against the rest, averaged alike, but for the log-loss of
    classes, which is of the true one. Of numbers there are none: their figures have no threshold.
    """
    truth, predictions = scored.targets, scored.predictions
    if isinstance(target, Binary):
        return _scores(truth[:, 0], predictions[:, 0])
    if isinstance(target, Regression):
        return {}
    if isinstance(target, MultiClass):
        truth = truth == np.arange(len(target.classes))
    each = [_scores(*pair) for pair in zip(truth.T, predictions.T, strict=True)]
    found = {name: _mean([one[name] for one in each]) for name in each[0]}
    if isinstance(target, MultiClass):
        found["log_loss"] = log_loss_of_classes(scored.targets[:, 0], predictions)
    return found


def _scores(labels: Array, probabilities: Array) -> dict[str, float | None]:
    return {
        "roc_auc": roc_auc(labels, probabilities),
        "average_precision": average_precision(labels, probabilities),
        "log_loss": log_loss(labels, probabilities),
        "brier": brier(labels, probabilities),
        "calibration_error": calibration_error(labels, probabilities),
        "calibration_slope": calibration_slope(labels, probabilities),
    }


def _rates(labels: Array, probabilities: Array) -> tuple[Array, Array]:
    """Sensitivity and specificity of every threshold, each a quotient of counts: 99 of 100 is
    at least 0.99, which 1 − (1 − specificity) might not be.
    """
    hits, called, _ = counts_above(labels, probabilities)
    negatives = len(labels) - hits[-1]
    return hits / hits[-1], (negatives - (called - hits)) / negatives


def _mean(values: list[float | None]) -> float | None:
    """None unless there is one of each."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
