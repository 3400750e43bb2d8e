"""Recipes: TOML files that describe data, network and training."""
