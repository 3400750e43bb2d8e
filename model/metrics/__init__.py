"""Metrics and curves that the service computes from stored labels and predictions."""

__all__ = ["confusion_matrix", "curves", "part_curves", "reliability", "threshold_metrics"]
