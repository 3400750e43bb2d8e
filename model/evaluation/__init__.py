"""Evaluation of models, offline: metrics, intervals, plots, loss landscapes and the report."""

__all__ = [
    "assessment",
    "association",
    "global_explanation",
    "importance",
    "intervals",
    "metrics",
    "notices",
    "subgroups",
]
