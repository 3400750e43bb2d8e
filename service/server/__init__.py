"""Server processes: start, workers, graceful shutdown."""

__all__ = ["run"]
