"""Mini-batches of training rows, in memory or in a file."""
