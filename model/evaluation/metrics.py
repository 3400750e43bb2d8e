"""Scores of probabilities without a threshold.

Shapes: labels `(B,)`, bool; probabilities `(B,)`; where there are classes or labels, a second axis.
"""

from collections.abc import Callable

import numpy as np

from model.arrays import Array
from model.evaluation.calibration import calibration_error, calibration_slope
from model.metrics.curves import all_counts, precision_recall_area, roc_area
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, Regression, Target


def roc_auc(labels: Array, probabilities: Array) -> float | None:
    """Return the area under the ROC curve.

    That is the probability that a random positive row scores above a random negative row, with ties
    counted half.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        The area; None with one class only.
    """
    if labels.all() or not labels.any():
        return None
    return roc_area(*all_counts(labels, probabilities))


def average_precision(labels: Array, probabilities: Array) -> float | None:
    """Return Σ (recallₙ − recallₙ₋₁) · precisionₙ over the distinct thresholds.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.

    Returns:
        The average precision; None without positives.
    """
    if not labels.any():
        return None
    return precision_recall_area(*all_counts(labels, probabilities))


def log_loss(labels: Array, probabilities: Array) -> float:
    """Return the mean −log of the predicted probability of the true class, in nats.

    Args:
        labels: True labels, `(B,)` or `(B, labels)`, bool.
        probabilities: Predicted probabilities of the same shape, clipped to an ε away from 0 and 1.
    """
    epsilon = np.finfo(np.float64).eps
    p = np.clip(np.where(labels, probabilities, 1 - probabilities), epsilon, 1)
    return float(-np.log(p).mean())


def brier(labels: Array, probabilities: Array) -> float:
    """Return the Brier score, the mean squared difference of probability and outcome.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.

    Source: Brier 1950.
    """
    return float(np.square(probabilities - labels).mean())


def specificity_at_sensitivity(
    labels: Array, probabilities: Array, at_least: float = 0.99
) -> float | None:
    """Return the highest specificity of the thresholds with sufficient sensitivity.

    The threshold is chosen on the same rows, so the result is optimistic.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        at_least: The lowest sensitivity, from 0 to 1.

    Returns:
        The specificity; None with one class only.
    """
    if labels.all() or not labels.any():
        return None
    sensitivity, specificity = _rates(labels, probabilities)
    return float(specificity[sensitivity >= at_least].max())


def sensitivity_at_specificity(
    labels: Array, probabilities: Array, at_least: float = 0.99
) -> float | None:
    """Return the highest sensitivity of the thresholds with sufficient specificity.

    The threshold is chosen on the same rows, so the result is optimistic.

    Args:
        labels: True labels, `(B,)`, bool.
        probabilities: Predicted probabilities, `(B,)`.
        at_least: The lowest specificity, from 0 to 1.

    Returns:
        The sensitivity; None with one class only.
    """
    if labels.all() or not labels.any():
        return None
    sensitivity, specificity = _rates(labels, probabilities)
    return float(sensitivity[specificity >= at_least].max())


def log_loss_of_classes(classes: Array, probabilities: Array) -> float:
    """Return the mean −log of the predicted probability of the true class, in nats.

    Args:
        classes: Indices of the true classes, `(B,)`.
        probabilities: Predicted probabilities, `(B, classes)`.
    """
    given = probabilities[np.arange(len(classes)), classes]
    return float(-np.log(np.clip(given, np.finfo(np.float64).eps, 1)).mean())


def brier_of_classes(classes: Array, probabilities: Array) -> float:
    """Return the Brier score of several classes, from 0 to 2; for two classes twice `brier`.

    That is the squared difference of probability and outcome, summed over the classes and averaged
    over the rows.

    Args:
        classes: Indices of the true classes, `(B,)`.
        probabilities: Predicted probabilities, `(B, classes)`.

    Source: Brier 1950.
    """
    outcomes = classes[:, None] == np.arange(probabilities.shape[1])
    return float(np.square(probabilities - outcomes).sum(axis=1).mean())


def macro(
    score: Callable[[Array, Array], float | None], labels: Array, probabilities: Array
) -> float | None:
    """Return the mean of a score over columns.

    Args:
        score: Computes a score from one column of labels and probabilities.
        labels: True labels, `(B, columns)`, bool.
        probabilities: Predicted probabilities, `(B, columns)`.

    Returns:
        The mean; None where the score of a column is None.
    """
    pairs = zip(labels.T, probabilities.T, strict=True)
    return _mean([score(*pair) for pair in pairs])


def scores(target: Target, scored: ScoredRows) -> dict[str, float | None]:
    """Compute all scores by name, as in a response of /metrics.

    For classes and labels, scores are means over the columns, each against the others; the log loss
    of classes is that of the true class, and their Brier score is summed over the classes. A
    regression has none: its metrics need no threshold.

    Args:
        target: The kind of target.
        scored: Targets and predictions.
    """
    truth, predictions = scored.targets, scored.predictions
    if isinstance(target, Binary):
        return _scores(truth[:, 0], predictions[:, 0])
    if isinstance(target, Regression):
        return {}
    if isinstance(target, MultiClass):
        truth = truth == np.arange(len(target.classes))
    by_column = [_scores(*pair) for pair in zip(truth.T, predictions.T, strict=True)]
    means = {name: _mean([each[name] for each in by_column]) for name in by_column[0]}
    if isinstance(target, MultiClass):
        means["log_loss"] = log_loss_of_classes(scored.targets[:, 0], predictions)
        means["brier"] = brier_of_classes(scored.targets[:, 0], predictions)
    return means


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
    """Return sensitivity and specificity of all thresholds.

    Each is a quotient of counts: 99 of 100 is at least 0.99, unlike 1 − (1 − specificity).
    """
    hits, false = all_counts(labels, probabilities)
    return hits / hits[-1], (false[-1] - false) / false[-1]


def _mean(values: list[float | None]) -> float | None:
    """Return the mean, or None if a value is None."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
