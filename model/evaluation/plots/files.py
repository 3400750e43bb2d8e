"""Figures as the bytes of picture files, without global state of Matplotlib."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from model.evaluation.plots.texts import NOTE, prepare_texts


def as_png(figure: Figure) -> bytes:
    """Return the figure as a PNG file."""
    return _saved(figure, "png", dpi=120)


def as_svg(figure: Figure) -> bytes:
    """Return the figure as an SVG file, without a date and with reproducible ids."""
    no_metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.hashsalt": "report"}):
        return _saved(figure, "svg", metadata=no_metadata)


def _saved(figure: Figure, kind: str, **options: Any) -> bytes:
    if prepare_texts(figure):
        figure.text(0.5, -0.01, NOTE, ha="center", va="top", fontsize="small")
        options["bbox_inches"] = "tight"  # the note is below the figure
    file = io.BytesIO()
    figure.savefig(file, format=kind, **options)
    return file.getvalue()
