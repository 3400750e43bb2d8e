"""Recipes: TOML files that describe a model's data, network and training."""

__all__ = ["bundled", "default_model", "recipe", "sections", "toml_text"]
