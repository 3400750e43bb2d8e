"""Loss landscapes: the loss on a plane in parameter space, and paths of trainings on it."""

__all__ = ["paths", "surface"]
