"""Plots of trainings as PNG bytes, without global state of Matplotlib."""

import io
from collections.abc import Mapping

from matplotlib.figure import Figure

from model.training.fitting.history import History


def loss_curve(history: History, loss: str) -> bytes:
    """Draw training and validation loss by epoch, on a logarithmic scale.

    Args:
        history: Losses of the training.
        loss: Name of the loss.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    epochs = history.column("epoch")
    for name, style in (("train", "-"), ("validation", "--")):
        axes.plot(epochs, history.column(f"{name}_loss"), style, label=name, color="black")
    axes.set(title="Loss", xlabel="epoch", ylabel=loss.replace("_", " "), yscale="log")
    axes.grid(which="both", alpha=0.3)
    axes.legend(frameon=False)
    return as_png(figure)


def loss_curves(histories: Mapping[str, History]) -> bytes:
    """Draw validation losses of several trainings by epoch, on logarithmic scales."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, history in histories.items():
        losses = [record.monitored for record in history.records]
        axes.plot([epoch + 1 for epoch in history.column("epoch")], losses, label=name)
    axes.set(xlabel="epoch + 1", ylabel="validation loss", xscale="log", yscale="log")
    axes.grid(which="both", alpha=0.3)
    figure.legend(frameon=False, loc="outside right upper")
    return as_png(figure)


def as_png(figure: Figure) -> bytes:
    """Return the figure as a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120)
    return file.getvalue()
