"""Use cases: train, cross-validate, compare and score."""

__all__ = ["compare", "cross_validate", "parallel", "prepare", "score_file", "train"]
