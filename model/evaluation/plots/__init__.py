"""Plots, drawn with Matplotlib."""

__all__ = ["features", "landscape", "learning_rate", "predictions", "training"]
