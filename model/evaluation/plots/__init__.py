"""Plots, drawn with Matplotlib."""
