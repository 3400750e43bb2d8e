"""Confusion matrices and the metrics at a threshold that follow from them."""

__all__ = ["confusion_matrix", "threshold_metrics"]
