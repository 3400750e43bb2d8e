"""Routes of the service, one module for each group of paths."""

__all__ = [
    "compare",
    "curves",
    "docs",
    "explain",
    "feedback",
    "health",
    "index",
    "kserve",
    "live",
    "metrics",
    "mlflow",
    "model",
    "open_inference",
    "page",
    "predict",
    "report",
    "vertex",
]
