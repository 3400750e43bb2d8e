"""Server processes: start, workers, graceful shutdown."""
