"""JSON Schema of requests and answers, made from the schemas of the models."""

__all__ = [
    "comparisons",
    "curves",
    "explanations",
    "json_schema",
    "live",
    "open_inference",
    "reads",
    "requests",
    "responses",
]
