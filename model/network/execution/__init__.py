"""Compilation of a graph into a plan, and the pure forward pass."""
