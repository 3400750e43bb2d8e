"""Metrics, curves and comparisons that the service computes from stored labels and predictions."""

__all__ = [
    "binned_calibration",
    "class_matrix",
    "comparison",
    "confusion_matrix",
    "curves",
    "expected_matrix",
    "part_curves",
    "probability_bins",
    "reliability",
    "row_losses",
    "threshold_metrics",
    "verification",
]
