"""Evaluation of models, offline: metrics, intervals, plots, loss landscapes and the report."""
