"""Drafts of recipes: features, target and groups guessed from a table, with comments to check."""

__all__ = ["draft"]
