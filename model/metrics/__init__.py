"""Confusion matrices and the metrics at a threshold that follow from them."""
