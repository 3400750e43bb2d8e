"""Live figures: volume, drift and quality of a model in a time window, from the store's counts."""

__all__ = [
    "answer",
    "example",
    "gauges",
    "query",
    "reader",
    "totals",
    "truth",
]
