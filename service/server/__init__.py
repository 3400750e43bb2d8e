"""Server processes: start, workers, graceful shutdown."""

__all__ = ["descriptors", "run"]
