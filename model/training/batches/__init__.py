"""Mini-batches of training rows, in memory or on disk."""
