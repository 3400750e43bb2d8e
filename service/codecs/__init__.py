"""Bytes to rows and back, by media type."""

__all__ = [
    "accept",
    "blocks",
    "byte_order_mark",
    "charge",
    "extra",
    "integer_rows",
    "negotiation",
    "predictions",
]
