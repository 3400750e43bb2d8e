"""Bytes to rows and back, by media type."""
