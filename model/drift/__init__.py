"""Drift: how the rows that a model answers differ from those that it was trained on."""

__all__ = ["bins", "detection", "reference"]
