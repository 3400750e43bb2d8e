"""The picture of a learning-rate range test, as PNG bytes."""

import numpy as np
from matplotlib.figure import Figure

from model.evaluation.plots.training import as_png
from model.training.fitting.learning_rate_finder import RateFinding

# Colours that people with any colour vision tell apart (Paul Tol's "bright"), and markers.
LOOKS = {"valley": ("#228833", "o"), "steep": ("#4477aa", "s"), "minimum": ("#ee6677", "D")}


def rate_curve(finding: RateFinding) -> bytes:
    """The smoothed loss over the learning rate, and the suggested rates on it."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(finding.rates, finding.losses, color="black")
    for name, (colour, marker) in LOOKS.items():
        rate = getattr(finding, name)
        # The minimum's is a tenth of a measured rate: between two of them, or below the first.
        loss = np.interp(np.log(rate), np.log(finding.rates), finding.losses)
        label = "minimum / 10" if name == "minimum" else name
        axes.axvline(rate, color=colour, alpha=0.4, lw=1)
        axes.plot(
            rate, loss, label=f"{label}: {rate:.2g}", color=colour, marker=marker, ls="", zorder=3
        )
    axes.set(
        title="Learning-rate range test",
        xlabel="learning rate",
        ylabel="loss of the mini-batches, smoothed",
        xscale="log",
    )
    axes.grid(which="major", alpha=0.3)
    axes.legend(title="suggested rates", frameon=False)
    return as_png(figure)
