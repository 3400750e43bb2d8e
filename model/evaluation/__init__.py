"""Evaluation of models, offline: metrics, intervals, plots, loss landscapes and the report."""

__all__ = [
    "assessment",
    "association",
    "calibration",
    "curves",
    "global_explanation",
    "importance",
    "intervals",
    "metrics",
    "notices",
    "row_losses",
    "subgroups",
]
