"""Tuning: search for better settings of a recipe, and say without flattery what they are worth."""

__all__ = ["report", "row_losses", "search", "space", "study", "tuned_recipe"]
