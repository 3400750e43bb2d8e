"""Use cases: predict instances, stream tables, answer inference protocols."""

__all__ = [
    "answer",
    "block_scorer",
    "execution",
    "explain",
    "explain_query",
    "explanations",
    "feedback",
    "instances",
    "mlflow",
    "open_inference",
    "open_inference_metadata",
    "request_body",
    "subject",
    "tables",
    "upload",
]
