"""Use cases: train, cross-validate, compare and score."""

__all__ = ["compare", "cross_validate", "prepare", "score_file", "train"]
