"""Recipes: TOML files that describe a model's data, network and training."""

__all__ = ["generate", "recipe", "sections"]
