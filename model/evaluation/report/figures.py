"""The report's pictures of a training and of predictions: SVG, the same bytes every time.

No meaning is in colour alone: lines differ by dashes and marks too. A picture's alt text says in
words and numbers what is to be seen.
"""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from model.arrays import Array
from model.evaluation.report.html import Picture, decimal, percent
from model.metrics.confusion_matrix import wilson_interval
from model.training.fitting.history import History

BLUE, RED, GREEN, YELLOW = "#4477aa", "#ee6677", "#228833", "#ccbb44"  # Tol's "bright"
SIZE = (4.8, 3.7)  # inches; small, so that a telephone need not shrink it much
LEGEND: dict[str, Any] = {  # above the axes, where it hides nothing
    "frameon": False,
    "loc": "lower left",
    "bbox_to_anchor": (-0.04, 1),
    "ncols": 2,
    "columnspacing": 0.8,
}
BINS = 10  # as `calibration_error` has them
MOST_POINTS = 2000  # of a scatter


def panel(xlabel: str, ylabel: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """An empty picture with one pair of axes."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    _plain(axes)
    return figure, axes


def as_svg(figure: Figure) -> bytes:
    """The figure as a file's bytes, without date, and with ids that do not change."""
    file = io.BytesIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(file, format="svg", metadata=nothing)
    return file.getvalue()


def loss_picture(history: History, loss: str) -> Picture:
    """Train and validation loss over the epochs, and where the latter was lowest."""
    records = history.records
    epochs = [record.epoch for record in records]
    train = [record.train_loss for record in records]
    validation = [record.monitored for record in records]
    best = history.best
    figure, axes = panel("epoch", loss.replace("_", " "))
    axes.plot(epochs, train, "-", color=BLUE, label="training rows")
    axes.plot(epochs, validation, "--", color=RED, label="validation rows")
    axes.plot(best.epoch, best.monitored, "o", color="black", label="lowest on validation rows")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    low, high = min(*train, *validation), max(*train, *validation)
    if 0 < 5 * low < high:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(**LEGEND)
    alt = (
        f"Two lines of the loss over the epochs {epochs[0]} to {epochs[-1]}. On training rows it "
        f"goes from {decimal(train[0])} to {decimal(train[-1])}, on validation rows from "
        f"{decimal(validation[0])} to {decimal(validation[-1])}; there it is lowest, "
        f"{decimal(best.monitored)}, after epoch {best.epoch}."
    )
    caption = (
        "The loss while it was trained. A validation line that rises while the training line falls "
        "would mean that the network learns its rows by heart."
    )
    return Picture(as_svg(figure), alt, caption)


def reliability(right: Array, probabilities: Array, *, told: str, share: str) -> Picture:
    """Whether probabilities (B,) mean what they say: the share of right (B,) by tenths of them.

    told: what the probability is of. share: what its frequency is called.
    """
    which = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    rows = np.bincount(which, minlength=BINS)
    hits = np.bincount(which, weights=right, minlength=BINS).astype(int)
    filled = np.flatnonzero(rows)
    middle = np.bincount(which, weights=probabilities, minlength=BINS)[filled] / rows[filled]
    shares = hits[filled] / rows[filled]
    ends = [wilson_interval(int(hits[each]), int(rows[each])) or (0.0, 1.0) for each in filled]
    reach = np.abs(np.array(ends).T - shares)

    figure = Figure(figsize=(SIZE[0], 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], ":", color="black", label="as frequent as told")
    above.errorbar(
        middle, shares, reach, fmt="o", color=BLUE, capsize=3, label="rows, with 95 % interval"
    )
    above.set(ylabel=share, xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
    above.legend(**LEGEND)
    below.hist(probabilities, bins=list(np.linspace(0, 1, 21)), color=BLUE, edgecolor="white")
    below.set(xlabel=told, ylabel="rows")
    for axes in (above, below):
        _plain(axes)
    seen = "; ".join(
        f"told {percent(one)}, found {percent(other)} of {count} rows"
        for one, other, count in zip(middle, shares, rows[filled], strict=True)
    )
    alt = f"Points by tenths of the {told}, against the diagonal of being exact: {seen}."
    caption = (
        f"Reliability. Above: how often it was so ({share}), by tenths of the {told}; on the "
        "dotted line it would be as often as told. The bars are 95 % intervals (Wilson). "
        "Below: how many rows were given each probability."
    )
    return Picture(as_svg(figure), alt, caption)


def predicted_against_true(truth: Array, predicted: Array, shown: str) -> Picture:
    """Predictions of numbers (B,) over the truth (B,); a sample of them where there are many."""
    figure, axes = panel(f"true {shown}", f"predicted {shown}")
    ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
    step = -(-len(truth) // MOST_POINTS)
    axes.plot(ends, ends, ":", color="black", label="exactly right")
    axes.plot(truth[::step], predicted[::step], "o", ms=3.5, alpha=0.6, color=BLUE, mew=0)
    axes.legend(**LEGEND)
    alt = (
        f"A point a validation row: predicted over true {shown}. The truth goes from "
        f"{decimal(float(truth.min()))} to {decimal(float(truth.max()))}, predictions from "
        f"{decimal(float(predicted.min()))} to {decimal(float(predicted.max()))}."
    )
    sample = f" One row in {step} is shown." if step > 1 else ""
    return Picture(as_svg(figure), alt, f"Predicted against true {shown}, validation rows.{sample}")


def residuals(truth: Array, predicted: Array, shown: str) -> Picture:
    """How often an error, predicted less true, is how large."""
    errors = predicted - truth
    figure, axes = panel(f"predicted − true {shown}", "rows")
    axes.hist(errors, bins=25, color=BLUE, edgecolor="white")
    axes.axvline(0, color="black", linestyle=":", label="exactly right")
    axes.axvline(float(errors.mean()), color=RED, linestyle="--", label="mean error")
    axes.legend(**LEGEND)
    low, middle, high = np.quantile(errors, (0.05, 0.5, 0.95)).tolist()
    alt = (
        f"Histogram of the errors of {len(errors)} validation rows. Half of them are below "
        f"{decimal(middle)}; nine in ten lie from {decimal(low)} to {decimal(high)}; the mean is "
        f"{decimal(float(errors.mean()))}."
    )
    return Picture(as_svg(figure), alt, f"Errors of {shown}, validation rows: predicted less true.")


def features_picture(content: bytes, names: Sequence[str]) -> Picture:
    """The picture that `feature_distributions` drew."""
    some = ", ".join(name.replace("_", " ") for name in names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    alt = (
        f"Histograms, one a feature, of {some}{more}: the share of each group's rows that have a "
        "value, the groups side by side."
    )
    caption = (
        "How each feature is distributed in each group of rows. The bars stand in "
        "the order of the names above. Where groups hardly overlap, that feature alone tells much."
    )
    return Picture(content, alt, caption, wide=True)


def _plain(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
