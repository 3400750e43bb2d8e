"""Use cases: train, cross-validate, compare and score."""
