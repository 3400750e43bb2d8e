"""JSON bodies: limits, parsing, validation, error locations."""

__all__ = ["answers", "limits", "names", "parser", "rows"]
