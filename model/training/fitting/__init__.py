"""The training loop, its records, checkpoints and interrupts, and the learning-rate finder."""

__all__ = [
    "checkpoint",
    "history",
    "interrupts",
    "learning_rate_finder",
    "loop",
    "partial_fit",
    "sequential",
]
