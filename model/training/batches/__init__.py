"""Mini-batches of training rows, in memory or in a file."""

__all__ = ["batches", "rows", "stored_rows"]
