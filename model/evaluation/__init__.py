"""Evaluation of models, offline: metrics, intervals, plots, loss landscapes and the report."""

__all__ = ["assessment", "calibration", "curves", "intervals", "metrics"]
