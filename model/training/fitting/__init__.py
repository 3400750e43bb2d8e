"""The training loop, its records, checkpoints and interrupts, and the learning-rate finder."""
