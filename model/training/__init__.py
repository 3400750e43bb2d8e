"""Training: recipes, tables, batches, optimizers, schedules, regularization, fitting, decisions."""

__all__ = ["bagging", "config", "defaults", "draws", "memory"]
