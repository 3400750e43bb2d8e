"""Bytes to rows and back, by media type."""

__all__ = ["accept", "blocks", "charge", "integer_rows", "negotiation", "predictions"]
