"""A dynamic tape for reverse-mode differentiation: the reference for every compiled operation."""

__all__ = ["display", "gradient_check", "tape"]
