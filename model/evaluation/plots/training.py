"""Pictures of a training, drawn without any global state and returned as PNG bytes."""

import io
from collections.abc import Mapping

from matplotlib.figure import Figure

from model.training.fitting.history import History


def loss_curve(history: History, loss: str) -> bytes:
    """Train and validation loss over the epochs, on a logarithmic scale. loss: its name."""
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
    """Several trainings' validation losses over their epochs, both on logarithmic scales."""
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
    """The figure as a file's bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120)
    return file.getvalue()
