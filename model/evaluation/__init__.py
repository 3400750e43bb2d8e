"""Evaluation of models, offline: metrics, intervals, plots, loss landscapes and the report."""

__all__ = ["assessment", "association", "calibration", "curves", "intervals", "metrics"]
