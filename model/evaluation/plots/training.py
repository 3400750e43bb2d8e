"""Plots of trainings as PNG bytes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from model.evaluation.plots.files import as_png
from model.evaluation.plots.texts import label
from model.training.fitting.history import History
from model.training.fitting.loop import TrainingResult

LOSSES = {  # style and colour (Tol's "bright")
    "train": ("-", "#4477aa"),
    "validation": ("--", "#ee6677"),
    "out_of_bag": ("-.", "#228833"),
}


def loss_curve(outcome: TrainingResult, loss: str) -> bytes:
    """Draw the losses by epoch, with the epoch whose weights are kept.

    Args:
        outcome: The result of the training.
        loss: Name of the loss.
    """
    figure = Figure(figsize=(4.8, 3.7), layout="constrained")  # small, so that phones can show it
    axes = figure.subplots()
    history, drawn = outcome.history, []
    epochs = history.column("epoch")
    for name, (style, colour) in LOSSES.items():
        losses = history.column(f"{name}_loss")
        if losses[0] is not None:
            drawn += losses
            axes.plot(epochs, losses, style, label=name.replace("_", "-"), color=colour)
    kept = f"weights kept: epoch {outcome.epoch}"
    axes.plot(outcome.epoch, outcome.kept.monitored, "ko", label=kept)
    axes.set(xlabel="epoch", ylabel=loss.replace("_", " "))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    scale_losses(axes, drawn)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.04, 1), ncols=2)
    return as_png(figure, dpi=200)


def loss_curves(histories: Mapping[str, History]) -> bytes:
    """Draw validation or out-of-bag losses of several trainings by epoch, on logarithmic scales."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    drawn = []
    for name, history in histories.items():
        losses = [record.monitored for record in history.records]
        drawn += losses
        axes.plot([epoch + 1 for epoch in history.column("epoch")], losses, label=label(name, 30))
    axes.set(xlabel="epoch + 1", ylabel="held-out loss", xscale="log")
    axes.xaxis.set_major_formatter("{x:g}")
    scale_losses(axes, drawn)
    axes.grid(which="both", alpha=0.3)
    figure.legend(frameon=False, loc="outside right upper")
    return as_png(figure)


def scale_losses(axes: Axes, losses: Sequence[float]) -> None:
    """Draw losses on a logarithmic scale with decimal ticks, if the largest is 5 times the least.

    Args:
        axes: The axes; the vertical one has the losses.
        losses: The losses that are drawn.
    """
    finite = [loss for loss in losses if np.isfinite(loss)]
    if finite and 0 < 5 * min(finite) < max(finite) < 1e30 * min(finite):
        axes.set_yscale("log")
        decades = np.log10(max(finite) / min(finite))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 4 else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
