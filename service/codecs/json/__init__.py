"""JSON bodies: limits, parsing, validation, error locations."""

__all__ = ["answers", "explanations", "limits", "names", "parser", "rows"]
