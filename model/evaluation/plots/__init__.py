"""Plots, drawn with Matplotlib."""

__all__ = [
    "correlations",
    "features",
    "files",
    "landscape",
    "learning_rate",
    "predictions",
    "texts",
    "training",
]
