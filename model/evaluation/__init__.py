"""Evaluation of models, offline: metrics, intervals, plots, loss landscapes and the report."""

__all__ = [
    "assessment",
    "association",
    "calibration",
    "curves",
    "importance",
    "intervals",
    "metrics",
    "notices",
    "row_losses",
    "subgroups",
]
