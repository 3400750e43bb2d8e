"""Explanations of predictions: why this answer, what would change it, and how sure it is."""

__all__ = [
    "certainty",
    "counterfactuals",
    "curves",
    "distance",
    "explained",
    "neighbours",
    "parts",
    "reference",
    "rows",
    "sampling",
    "shapley",
    "table_columns",
    "typical_rows",
]
