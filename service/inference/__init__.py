"""Use cases: predict instances, stream tables, answer inference protocols."""

__all__ = [
    "answer",
    "execution",
    "explain",
    "instances",
    "mlflow",
    "open_inference",
    "open_inference_metadata",
    "request_body",
    "tables",
    "upload",
]
