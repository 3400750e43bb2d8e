"""Figures as the bytes of picture files, without global state of Matplotlib."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from model.evaluation.plots.texts import NOTE, prepare_texts


def as_png(figure: Figure, dpi: int = 120) -> bytes:
    """Return the figure as a PNG file.

    Args:
        figure: The figure.
        dpi: Pixels per inch.
    """
    return _saved(figure, "png", dpi=dpi)


def as_svg(figure: Figure) -> bytes:
    """Return the figure as an SVG file, without a date and with reproducible ids."""
    no_metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.hashsalt": "report"}):
        return _saved(figure, "svg", metadata=no_metadata)


def _saved(figure: Figure, kind: str, **options: Any) -> bytes:
    if prepare_texts(figure):
        figure.text(0.5, -0.01, NOTE, ha="center", va="top", fontsize="small")
        options["bbox_inches"] = "tight"  # the note is below the figure
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)  # by `savefig` it would cost a second drawing
        figure.set_layout_engine(None)
    file = io.BytesIO()
    figure.savefig(file, format=kind, **options)
    return file.getvalue()
