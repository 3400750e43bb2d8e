"""Activations: value and derivative of each."""

__all__ = ["activation", "rectifiers", "registry"]
