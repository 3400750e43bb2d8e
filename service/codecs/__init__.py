"""Bytes to rows and back, by media type."""

__all__ = [
    "accept",
    "answer_facts",
    "blocks",
    "byte_order_mark",
    "charge",
    "extra",
    "feedback",
    "integer_rows",
    "negotiation",
    "predictions",
]
