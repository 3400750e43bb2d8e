"""Comparison of versions by stored predictions: replay of inputs, and shadow versions.

Imported only if there is a store.
"""

__all__ = ["shadow"]
