"""Training: recipes, tables, batches, optimizers, schedules, regularization, fitting, decisions."""
