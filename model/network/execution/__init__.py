"""Compilation of a graph into a training plan, and the pure forward pass for predictions."""

__all__ = ["forward", "plan"]
