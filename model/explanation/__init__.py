"""Explanations of predictions: why this answer, what would change it, and how sure it is."""
