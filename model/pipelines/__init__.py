"""Use cases: train, cross-validate, compare and score."""

__all__ = [
    "compare",
    "cross_validate",
    "gate",
    "prepare",
    "rehearse",
    "score_file",
    "train",
]
