"""The report's curves of a binary target over all thresholds, drawn from validation rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model.arrays import Array
from model.evaluation.plots.files import as_svg
from model.evaluation.plots.texts import label
from model.evaluation.report.bootstrap import GRID, precision_at
from model.evaluation.report.charts import BLUE, GREEN, LEGEND, RED, panel, reliability
from model.evaluation.report.elements import Picture, decimal, percent, percents
from model.metrics.confusion_matrix import ConfusionMatrix, Interval, wilson_interval
from model.metrics.curves import (
    all_counts,
    counts_above,
    net_benefit,
    precision_recall_area,
    precision_recall_curve,
    roc_area,
    roc_curve,
)
from model.metrics.threshold_metrics import binary_matrix
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary

BAND: dict[str, Any] = {"color": BLUE, "alpha": 0.2, "linewidth": 0, "label": "95 % band"}
THRESHOLDS = np.linspace(0, 1, 201)
NO_WIDTH = (
    "The classes are separated without an error, so the bootstrap band has no width. This reflects "
    "few or easy rows rather than certainty about the model."
)


def curves(target: Binary, predictor: Predictor, intervals: Mapping[str, Any]) -> list[Picture]:
    """Draw all curves.

    Args:
        target: The target.
        predictor: The model, with validation rows of both classes.
        intervals: The `bootstrap_intervals` of these rows.
    """
    scored, threshold = predictor.validation, predictor.threshold
    rows = f"{len(scored.targets)} {predictor.part_names['validation']} rows"
    labels, probabilities = scored.targets[:, 0], scored.predictions[:, 0]
    return [
        _roc(scored, rows, intervals, threshold),
        _precision_recall(scored, rows, intervals, threshold),
        _over_thresholds(target, labels, probabilities, threshold),
        _decision(target, labels, probabilities, threshold),
        reliability(
            labels,
            probabilities,
            probability=f"predicted probability of {target.positive}",
            share=f"share of {target.positive} rows",
        ),
    ]


def _roc(scored: ScoredRows, rows: str, intervals: Mapping[str, Any], threshold: float) -> Picture:
    counts = all_counts(scored.targets[:, 0], scored.predictions[:, 0])
    matrix = binary_matrix(scored, threshold)
    marked = {name: k / n if n else 0.0 for name, (k, n) in matrix.proportions().items()}
    point = 1 - marked["specificity"], marked["sensitivity"]
    figure, axes = panel("1 − specificity (false positive rate)", "sensitivity")
    if band := intervals["roc_curve"]:
        axes.fill_between(GRID, *band, **BAND)
    axes.plot(*roc_curve(*counts), "-", color=BLUE, label="model", clip_on=False)
    axes.plot([0, 1], [0, 1], ":", color="black", label="no skill")
    axes.plot(*point, "o", color="black", label=f"threshold {threshold:g}", clip_on=False, zorder=5)
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    axes.legend(**LEGEND)
    area, interval = roc_area(*counts), _interval_text(intervals["roc_auc"])
    alt = (
        f"ROC curve of {rows}, with the diagonal of a model without "
        f"skill. The area under the curve is {decimal(area)}{interval}. At "
        f"threshold {threshold:g} sensitivity is {percent(marked['sensitivity'])} and specificity "
        f"is {percent(marked['specificity'])}."
    )
    caption = f"ROC curve. Area under the curve {decimal(area)}{interval}. "
    caption += (
        NO_WIDTH
        if area == 1
        else "A curve further above the diagonal separates the classes better."
    )
    return Picture(as_svg(figure), alt, caption)


def _precision_recall(
    scored: ScoredRows, rows: str, intervals: Mapping[str, Any], threshold: float
) -> Picture:
    counts = all_counts(scored.targets[:, 0], scored.predictions[:, 0])
    recall, precision = precision_recall_curve(*counts)
    prevalence = float(scored.targets.mean())
    proportions = binary_matrix(scored, threshold).proportions()
    figure, axes = panel("sensitivity (recall)", "positive predictive value (precision)")
    if band := intervals["precision_recall_curve"]:
        axes.fill_between(GRID, *band, **(BAND | {"step": "pre"}))
    axes.step(recall, precision, "-", where="pre", color=BLUE, label="model", clip_on=False)
    axes.axhline(prevalence, linestyle=":", color="black", label="all predicted positive")
    hits, positives = proportions["sensitivity"]
    _, predicted = proportions["positive_predictive_value"]
    if predicted:
        point, name = (hits / positives, hits / predicted), f"threshold {threshold:g}"
        axes.plot(*point, "o", color="black", label=name, clip_on=False, zorder=5)
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    axes.legend(**LEGEND)
    average = precision_recall_area(*counts)
    interval = _interval_text(intervals["average_precision"])
    at_half = float(precision_at(np.array([0.5]), recall, precision)[0])
    alt = (
        f"Precision-recall curve of {rows}. Average precision is "
        f"{decimal(average)}{interval}; at a recall of 50 % precision is {percent(at_half)}. "
        f"Precision is {percent(prevalence)} if all rows are predicted positive."
    )
    caption = (
        f"Precision-recall curve. Average precision {decimal(average)}{interval}. The curve "
        "depends on the share of positive rows, which may differ where the model is used."
    )
    return Picture(as_svg(figure), alt, caption)


def _over_thresholds(
    target: Binary, labels: Array, probabilities: Array, threshold: float
) -> Picture:
    positives, negatives = int(labels.sum()), int((~labels).sum())
    true_positives, false_positives = counts_above(labels, probabilities, THRESHOLDS)
    figure, axes = panel("threshold", "share of rows classified correctly")
    for name, hits, rows, style, colour in (
        (f"sensitivity ({label(target.positive, 14)})", true_positives, positives, "-", RED),
        (
            f"specificity ({label(target.negative, 14)})",
            negatives - false_positives,
            negatives,
            "--",
            BLUE,
        ),
    ):
        ends = np.array([wilson_interval(int(count), rows) for count in hits], dtype=float)
        axes.fill_between(THRESHOLDS, *ends.T, color=colour, alpha=0.2, linewidth=0)
        axes.plot(THRESHOLDS, hits / rows, style, color=colour, label=name, clip_on=False)
    axes.axvline(threshold, linestyle=":", color="black", label=f"threshold {threshold:g}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(**LEGEND)
    examples = []
    for at in (0.1, 0.5, 0.9):
        metrics = ConfusionMatrix.at(at, labels, probabilities).summary()
        intervals = metrics["intervals"]
        examples.append(
            f"at {at:g}, sensitivity is {percent(metrics['sensitivity'])} "
            f"({percents(intervals['sensitivity'])}) and specificity is "
            f"{percent(metrics['specificity'])} ({percents(intervals['specificity'])})"
        )
    alt = f"Sensitivity falls and specificity rises with the threshold: {'; '.join(examples)}."
    caption = (
        "Sensitivity and specificity by threshold, with 95 % bands (Wilson). A lower threshold "
        "gives more true positives and more false alarms."
    )
    return Picture(as_svg(figure), alt, caption)


def _decision(target: Binary, labels: Array, probabilities: Array, threshold: float) -> Picture:
    thresholds = THRESHOLDS[1:-1]
    model = net_benefit(labels, probabilities, thresholds)
    treat_all = net_benefit(labels, np.ones(len(labels)), thresholds)
    prevalence = float(labels.mean())
    figure, axes = panel("threshold probability", "net benefit")
    axes.plot(thresholds, model, "-", color=BLUE, label="act on the model's positives")
    axes.plot(thresholds, treat_all, "--", color=GREEN, label="act on all rows")
    axes.axhline(0, linestyle=":", color="black", label="act on no row")
    axes.set(xlim=(0, 1), ylim=(-0.15 * prevalence - 0.01, 1.1 * prevalence + 0.01))
    axes.legend(**LEGEND)
    better = thresholds[model > np.maximum(treat_all, 0) + 1e-12]
    where = (
        f"The model has the highest net benefit at {len(better)} of {len(thresholds)} thresholds, "
        f"between {better[0]:g} and {better[-1]:g}."
        if len(better)
        else "The model has the highest net benefit at no threshold."
    )
    at_threshold = float(net_benefit(labels, probabilities, np.array([min(threshold, 0.995)]))[0])
    alt = (
        f"Net benefit by threshold, of acting on the model's positives, on all rows and on no row. "
        f"{where} At {threshold:g} it is {decimal(at_threshold)}; the maximum is "
        f"{decimal(prevalence)}."
    )
    caption = (
        "Decision curve (Vickers and Elkin 2006): true positives per row, minus false positives "
        "per row weighted by the odds of the threshold. The threshold is the probability of "
        f"{target.positive} from which one would act. The model is useful at thresholds where its "
        "line is above both others."
    )
    return Picture(as_svg(figure), alt, caption)


def _interval_text(interval: Interval | None) -> str:
    if interval is None or interval[0] == interval[1]:
        return ""
    return f", 95 % interval {decimal(interval[0])} to {decimal(interval[1])}"
