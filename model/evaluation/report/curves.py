"""The report's curves of a binary target: what every threshold would give.

scored: validation rows of both classes.
"""

import numpy as np

from model.arrays import Array
from model.evaluation.report.bootstrap import GRID, Resampled, at_recall
from model.evaluation.report.figures import BLUE, GREEN, LEGEND, RED, as_svg, panel, reliability
from model.evaluation.report.html import Picture, decimal, percent, percents
from model.metrics.confusion_matrix import ConfusionMatrix, wilson_interval
from model.metrics.threshold_metrics import binary_matrix
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary

THRESHOLDS = np.linspace(0, 1, 201)
NO_WIDTH = (
    "The rows are told apart without an error, so resampling gives the band no width: "
    "that says more about how few or easy they are than about the model."
)


def curves(target: Binary, scored: ScoredRows, resampled: Resampled, at: float) -> list[Picture]:
    """All of them. at: the threshold that is marked."""
    labels, probabilities = scored.targets[:, 0], scored.predictions[:, 0]
    return [
        _roc(scored, resampled, at),
        _precision_recall(scored, resampled, at),
        _over_thresholds(target, labels, probabilities, at),
        _decision(target, labels, probabilities, at),
        reliability(
            labels,
            probabilities,
            told=f"probability of {target.positive}",
            share=f"share that is {target.positive}",
        ),
    ]


def net_benefit(labels: Array, probabilities: Array, thresholds: Array) -> Array:
    """(TP − FP · t / (1 − t)) / B at each threshold t (T,) below 1 (Vickers and Elkin 2006)."""
    positives, negatives = _called(labels, probabilities, thresholds)
    return np.asarray((positives - negatives * thresholds / (1 - thresholds)) / len(labels))


def _roc(scored: ScoredRows, resampled: Resampled, at: float) -> Picture:
    false, true = resampled.counts.rates()
    low, high = resampled.roc_band()
    matrix = binary_matrix(scored, at)
    here = {name: k / n if n else 0.0 for name, (k, n) in matrix.proportions().items()}
    place = 1 - here["specificity"], here["sensitivity"]
    figure, axes = panel("1 − specificity", "sensitivity")
    axes.fill_between(GRID, low, high, color=BLUE, alpha=0.2, linewidth=0, label="95 % band")
    axes.plot(false, true, "-", color=BLUE, label="the model", clip_on=False)
    axes.plot([0, 1], [0, 1], ":", color="black", label="a coin")
    axes.plot(*place, "o", color="black", label=f"threshold {at:g}", clip_on=False, zorder=5)
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    axes.legend(**LEGEND)
    area, interval = float(resampled.counts.area()), resampled.intervals["roc_auc"]
    alt = (
        f"ROC curve of {len(scored.targets)} validation rows, with the diagonal of a coin. The "
        f"area under it is {decimal(area)}{_span(interval)}. At the threshold "
        f"{at:g} sensitivity is {percent(here['sensitivity'])} and specificity "
        f"{percent(here['specificity'])}."
    )
    caption = f"ROC curve; area {decimal(area)}{_span(interval)}. "
    caption += (
        NO_WIDTH
        if area == 1
        else "The further it is above the diagonal, the better it tells apart."
    )
    return Picture(as_svg(figure), alt, caption)


def _precision_recall(scored: ScoredRows, resampled: Resampled, at: float) -> Picture:
    recall, precision = resampled.counts.precisions()
    low, high = resampled.precision_band()
    share = float(scored.targets[:, 0].mean())
    matrix = binary_matrix(scored, at).proportions()
    figure, axes = panel("sensitivity (recall)", "positive predictive value (precision)")
    axes.fill_between(
        GRID, low, high, step="pre", color=BLUE, alpha=0.2, linewidth=0, label="95 % band"
    )
    axes.step(recall, precision, "-", where="pre", color=BLUE, label="the model", clip_on=False)
    axes.axhline(share, linestyle=":", color="black", label="all called positive")
    (found, of), (right, called) = matrix["sensitivity"], matrix["positive_predictive_value"]
    if called:
        place = found / of, right / called
        axes.plot(*place, "o", color="black", label=f"threshold {at:g}", clip_on=False, zorder=5)
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    axes.legend(**LEGEND)
    mean, interval = (
        float(resampled.counts.average_precision()),
        resampled.intervals["average_precision"],
    )
    half = float(at_recall(np.array([0.5]), recall, precision)[0])
    alt = (
        f"Precision over recall of {len(scored.targets)} validation rows. Average precision is "
        f"{decimal(mean)}{_span(interval)}; at a recall of one half precision is "
        f"{percent(half)}. To call all rows positive would give {percent(share)}."
    )
    caption = (
        f"Precision and recall; average precision {decimal(mean)}"
        f"{_span(interval)}. The share of positive rows decides how high the curve can be, and "
        "where the model is used it may be another."
    )
    return Picture(as_svg(figure), alt, caption)


def _over_thresholds(target: Binary, labels: Array, probabilities: Array, at: float) -> Picture:
    positives, negatives = int(labels.sum()), int((~labels).sum())
    found, wrong = _called(labels, probabilities, THRESHOLDS)
    figure, axes = panel("threshold", "share of the class's rows told right")
    for name, hits, rows, style, colour in (
        (f"sensitivity ({target.positive})", found, positives, "-", RED),
        (f"specificity ({target.negative})", negatives - wrong, negatives, "--", BLUE),
    ):
        ends = np.array([wilson_interval(int(each), rows) for each in hits], dtype=float)
        axes.fill_between(THRESHOLDS, *ends.T, color=colour, alpha=0.2, linewidth=0)
        axes.plot(THRESHOLDS, hits / rows, style, color=colour, label=name, clip_on=False)
    axes.axvline(at, linestyle=":", color="black", label=f"threshold {at:g}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(**LEGEND)
    seen = []
    for threshold in (0.1, 0.5, 0.9):
        told = ConfusionMatrix.at(threshold, labels, probabilities).summary()
        seen.append(
            f"at {threshold:g}, sensitivity is {percent(told['sensitivity'])} "
            f"({percents(told['intervals']['sensitivity'])}) and specificity "
            f"{percent(told['specificity'])} ({percents(told['intervals']['specificity'])})"
        )
    alt = f"Sensitivity falls and specificity rises with the threshold: {'; '.join(seen)}."
    caption = (
        "What a higher or lower threshold would change, with 95 % bands (Wilson): a lower one "
        f"finds more that is {target.positive}, and calls more {target.positive} that is not."
    )
    return Picture(as_svg(figure), alt, caption)


def _decision(target: Binary, labels: Array, probabilities: Array, at: float) -> Picture:
    thresholds = THRESHOLDS[1:-1]
    model = net_benefit(labels, probabilities, thresholds)
    everybody = net_benefit(labels, np.ones(len(labels)), thresholds)
    share = float(labels.mean())
    figure, axes = panel("threshold probability", "net benefit")
    axes.plot(thresholds, model, "-", color=BLUE, label="act by the model")
    axes.plot(thresholds, everybody, "--", color=GREEN, label="act on all")
    axes.axhline(0, linestyle=":", color="black", label="act on none")
    axes.set(xlim=(0, 1), ylim=(-0.15 * share - 0.01, 1.1 * share + 0.01))
    axes.legend(**LEGEND)
    better = thresholds[model > np.maximum(everybody, 0) + 1e-12]
    where = (
        f"The model's is the highest at {len(better)} of {len(thresholds)} thresholds, the first "
        f"{better[0]:g}, the last {better[-1]:g}."
        if len(better)
        else "The model's is at no threshold the highest."
    )
    here = float(net_benefit(labels, probabilities, np.array([min(at, 0.995)]))[0])
    alt = (
        f"Net benefit over the threshold, of acting by the model, on all rows, and on none. "
        f"{where} At {at:g} it is {decimal(here)}, where {decimal(share)} is the most there can be."
    )
    caption = (
        "Decision curve (Vickers and Elkin 2006): true positives less false ones, a row, the "
        "false ones weighed by the odds of the threshold. The threshold is how sure one would want "
        f"to be of {target.positive} before acting. A model is of use where its line is above both "
        "others."
    )
    return Picture(as_svg(figure), alt, caption)


def _called(labels: Array, probabilities: Array, thresholds: Array) -> tuple[Array, Array]:
    """How many positive and negative rows lie strictly above each threshold (T,)."""
    above = [
        len(part) - np.searchsorted(np.sort(part), thresholds, side="right")
        for part in (probabilities[labels], probabilities[~labels])
    ]
    return above[0], above[1]


def _span(interval: tuple[float, float]) -> str:
    low, high = interval
    return f", 95 % interval {decimal(low)} to {decimal(high)}" if low < high else ""
