"""Offline only: recipes, tables, splits, optimizers and the loop that fits a network."""
