"""First-order optimizers: gradient descent, momentum, and adaptive methods."""

__all__ = ["adam", "adaptive", "lion", "optimizer", "registry", "sgd"]
