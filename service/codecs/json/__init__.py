"""JSON bodies: limits, parsing, validation, error locations."""
