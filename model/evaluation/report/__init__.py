"""The HTML report of one model."""

__all__ = ["document", "findings"]
