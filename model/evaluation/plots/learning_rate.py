"""Plot of a learning-rate range test as PNG bytes."""

import numpy as np
from matplotlib.figure import Figure

from model.evaluation.plots.files import as_png
from model.training.fitting.learning_rate_finder import RateFinding

# Colours for any colour vision (Paul Tol's "bright"), and markers.
STYLES = {"valley": ("#228833", "o"), "steep": ("#4477aa", "s"), "minimum": ("#ee6677", "D")}


def rate_curve(finding: RateFinding) -> bytes:
    """Draw the smoothed loss by learning rate, with the suggested rates."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(finding.rates, finding.losses, color="black")
    for name, (colour, marker) in STYLES.items():
        rate = getattr(finding, name)
        # The rate "minimum" is a tenth of a measured rate: between two of them, or below the first.
        loss = np.interp(np.log(rate), np.log(finding.rates), finding.losses)
        label = "minimum / 10" if name == "minimum" else name
        axes.axvline(rate, color=colour, alpha=0.4, lw=1)
        axes.plot(
            rate, loss, label=f"{label}: {rate:.2g}", color=colour, marker=marker, ls="", zorder=3
        )
    axes.set(
        title="Learning-rate range test",
        xlabel="learning rate",
        ylabel="smoothed mini-batch loss",
        xscale="log",
    )
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(which="major", alpha=0.3)
    axes.legend(title="suggested rates", frameon=False)
    return as_png(figure)
