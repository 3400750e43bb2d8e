"""The report's pictures of training and predictions, as reproducible SVG.

Lines differ by dashes and markers, not by colour alone. The alternative text of a picture describes
its content with numbers.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.arrays import Array
from model.evaluation.plots.features import MAX_FEATURES
from model.evaluation.plots.files import as_svg
from model.evaluation.plots.texts import label
from model.evaluation.plots.training import LOSSES
from model.evaluation.report.elements import Picture, decimal, percent
from model.metrics.reliability import reliability_curve
from model.training.fitting.loop import TrainingResult

BLUE, RED, GREEN, YELLOW = "#4477aa", "#ee6677", "#228833", "#ccbb44"  # Tol's "bright"
SIZE = (4.8, 3.7)  # inches; small, so that phones hardly shrink it
LEGEND: dict[str, Any] = {  # above the axes, where it covers no data
    "frameon": False,
    "loc": "lower left",
    "bbox_to_anchor": (-0.04, 1),
    "ncols": 2,
    "columnspacing": 0.8,
}
MAX_POINTS = 2000  # of a scatter plot
AXIS = 44  # characters beside an axis


def panel(xlabel: str, ylabel: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """Create an empty picture with one pair of axes.

    Args:
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        size: Width and height, in inches.
    """
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=label(xlabel, AXIS), ylabel=label(ylabel, AXIS))
    plain(axes)
    return figure, axes


def loss_picture(content: bytes, outcome: TrainingResult) -> Picture:
    """Return a picture that `loss_curve` drew.

    Args:
        content: PNG file.
        outcome: The result of the training.
    """
    first, last = outcome.history.records[0], outcome.history.records[-1]
    courses = [
        f"The {name.replace('_', '-')} loss goes from {decimal(getattr(first, f'{name}_loss'))} to "
        f"{decimal(getattr(last, f'{name}_loss'))}."
        for name in LOSSES
        if getattr(first, f"{name}_loss") is not None
    ]
    alt = (
        f"Loss by epoch, from {first.epoch} to {last.epoch}. {' '.join(courses)} The weights of "
        f"epoch {outcome.epoch} are kept, with a loss of {decimal(outcome.kept.monitored)}."
    )
    caption = (
        "Loss during training. A validation or out-of-bag loss that rises while the training loss "
        "falls is a sign of overfitting."
    )
    return Picture(content, alt, caption)


def reliability(outcomes: Array, probabilities: Array, *, probability: str, share: str) -> Picture:
    """Draw a reliability diagram with 10 bins, and a histogram of the probabilities.

    Args:
        outcomes: Whether the predicted event occurred, `(B,)`, bool.
        probabilities: Its predicted probabilities, `(B,)`.
        probability: Name of the probability, as an axis label.
        share: Name of its observed frequency, as an axis label.
    """
    bins = reliability_curve(outcomes, probabilities)
    middle = [each.mean_probability for each in bins]
    shares = np.array([each.share_of_positives for each in bins])
    bars = np.abs(np.array([each.interval for each in bins]).T - shares)

    figure = Figure(figsize=(SIZE[0], 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], ":", color="black", label="perfectly calibrated")
    above.errorbar(
        middle, shares, bars, fmt="o", color=BLUE, capsize=3, label="model, with 95 % interval"
    )
    above.set(ylabel=label(share, AXIS), xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
    above.legend(**LEGEND)
    below.hist(probabilities, bins=list(np.linspace(0, 1, 21)), color=BLUE, edgecolor="white")
    below.set(xlabel=label(probability, AXIS), ylabel="rows")
    for axes in (above, below):
        plain(axes)
    points = "; ".join(
        f"predicted {percent(each.mean_probability)}, observed "
        f"{percent(each.share_of_positives)} (n = {each.rows})"
        for each in bins
    )
    alt = f"Reliability diagram with the diagonal of perfect calibration: {points}."
    caption = (
        f"Reliability diagram. Above: {share} by {probability}, in 10 bins; the dotted line is "
        "perfect calibration, the bars are 95 % intervals (Wilson). Below: number of rows by "
        "predicted probability."
    )
    return Picture(as_svg(figure), alt, caption)


def predicted_against_true(truth: Array, predicted: Array, output: str, part: str) -> Picture:
    """Draw predicted against true values, a sample of at most 2000 rows.

    Args:
        truth: True values, `(B,)`.
        predicted: Predicted values, `(B,)`.
        output: Name of the output, with its unit.
        part: Name of the part of the rows, such as validation.
    """
    figure, axes = panel(f"true {output}", f"predicted {output}")
    ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
    step = -(-len(truth) // MAX_POINTS)
    axes.plot(ends, ends, ":", color="black", label="no error")
    axes.locator_params(axis="x", nbins=5)  # so that long numbers do not touch
    axes.plot(truth[::step], predicted[::step], "o", ms=3.5, alpha=0.6, color=BLUE, mew=0)
    axes.legend(**LEGEND)
    alt = (
        f"Scatter plot of predicted against true {output}, a point for each {part} row. True "
        f"values are from {decimal(float(truth.min()))} to {decimal(float(truth.max()))}, "
        f"predicted values from {decimal(float(predicted.min()))} to "
        f"{decimal(float(predicted.max()))}."
    )
    sample = f" One of {step} rows is shown." if step > 1 else ""
    return Picture(
        as_svg(figure), alt, f"Predicted against true {output} of the {part} rows.{sample}"
    )


def residuals(truth: Array, predicted: Array, output: str, part: str) -> Picture:
    """Draw a histogram of the errors, predicted − true.

    Args:
        truth: True values, `(B,)`.
        predicted: Predicted values, `(B,)`.
        output: Name of the output, with its unit.
        part: Name of the part of the rows, such as validation.
    """
    errors = predicted - truth
    figure, axes = panel(f"predicted − true {output}", "rows")
    axes.hist(errors, bins=25, color=BLUE, edgecolor="white")
    axes.axvline(0, color="black", linestyle=":", label="no error")
    axes.axvline(float(errors.mean()), color=RED, linestyle="--", label="mean error")
    axes.legend(**LEGEND)
    low, middle, high = np.quantile(errors, (0.05, 0.5, 0.95)).tolist()
    alt = (
        f"Histogram of the errors of {len(errors)} {part} rows. The median is "
        f"{decimal(middle)}, the mean {decimal(float(errors.mean()))}; 90 % of the errors are from "
        f"{decimal(low)} to {decimal(high)}."
    )
    return Picture(as_svg(figure), alt, f"Errors of {output}: predicted − true, {part} rows.")


def features_picture(content: bytes, names: Sequence[str]) -> Picture:
    """Return a picture that `feature_distributions` drew.

    Args:
        content: PNG file.
        names: Names of the features.
    """
    if len(names) <= MAX_FEATURES:
        which = f"of the features {', '.join(name.replace('_', ' ') for name in names)}"
    else:
        which = f"of the {MAX_FEATURES} of {len(names)} features that differ most between groups"
    alt = f"Histograms {which}: the share of rows by value, for each group."
    caption = (
        "Distribution of each feature in each group of rows. A feature whose groups hardly "
        "overlap separates them well on its own."
    )
    return Picture(content, alt, caption, wide=True)


def plain(axes: Axes) -> None:
    """Give axes a faint grid, and no frame at the top and right."""
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
