"""Tables as bodies and answers: CSV, NDJSON and Arrow, parsed and written block by block."""

__all__ = ["arrow", "arrow_framing", "csv", "ndjson"]
