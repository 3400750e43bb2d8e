"""Explanations of predictions: why this answer, what would change it, and how sure it is."""

__all__ = [
    "certainty",
    "counterfactuals",
    "curves",
    "distance",
    "neighbours",
    "parts",
    "reference",
    "sampling",
    "shapley",
]
